// Runs before the first paint, so that a wall set to dark never flashes white.
"use strict";

(() => {
  try {
    const kept = localStorage.getItem("board-theme");
    if (kept) document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be forbidden; then the system's theme is used.
  }
})();
