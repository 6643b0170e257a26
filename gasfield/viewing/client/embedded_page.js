// Starts a page that holds everything.

import { EmbeddedSource } from "./embedded.js";
import { show } from "./viewer.js";

window.gasfield = show(document.getElementById("viewer"), new EmbeddedSource(document));
