// Starts a page of `gasfield play`.

import { play } from "./player.js";
import { wireTo } from "./wire.js";

window.gasfield = play(document.getElementById("viewer"), wireTo(new URL("socket", window.location.href.replace(/^http/, "ws"))));
