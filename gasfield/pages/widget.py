"""A page as a widget of a notebook (anywidget): in a frame of its own, over the notebook's channel."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

_MODULE = """
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.style.cssText = `width: 100%; height: ${model.get("height")}px; border: none`;
  el.append(frame);
  const take = (content, buffers) => (frame.srcdoc = new TextDecoder().decode(buffers[0]));
  model.on("msg:custom", take);
  model.send({ text: "open" });
  return () => model.off("msg:custom", take);
}
export default { render };
"""


class Page(anywidget.AnyWidget):
    """A page that is shown in a notebook. It is not kept in the notebook's file.

    Attributes:
        content: the page, HTML.
    """

    _esm = traitlets.Unicode(_MODULE).tag(sync=True)
    height = traitlets.Int(760).tag(sync=True)

    def __init__(self, content: bytes, height: int = 760) -> None:
        """Shows a page.

        Args:
            content: HTML.
            height: of the frame [pixels].
        """
        super().__init__(height=height)
        self.content = content
        self.on_msg(self._take)

    def _take(self, widget: Any, content: Any, buffers: Any) -> None:
        """Sends the page to whoever has opened a frame."""
        if content == {"text": "open"}:
            self.send({}, buffers=[self.content])
