// Starts the page of a sweep.

import { showSweep } from "./sweep.js";
import { SweepSource } from "./sweep_source.js";

window.gasfield = showSweep(document.getElementById("viewer"), new SweepSource(document));
