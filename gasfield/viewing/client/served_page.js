// Starts a page of `gasfield view --serve`.

import { ServedSource } from "./served.js";
import { show } from "./viewer.js";

window.gasfield = show(document.getElementById("viewer"), new ServedSource(document));
