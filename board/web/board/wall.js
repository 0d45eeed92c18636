// What a screen on a wall needs: its own theme, the full screen, no sleep.

const dark = matchMedia("(prefers-color-scheme: dark)");

// theme runs onChange when the colours change, by the button or the system.
export function theme(button, onChange) {
  const current = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const label = () => { button.textContent = other() === "dark" ? "Dark theme" : "Light theme"; };

  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = other();
    try {
      localStorage.setItem("board-theme", current());
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
    label();
    onChange();
  });
  dark.addEventListener("change", () => {
    label();
    onChange();
  });
  label();
}

export function fullScreen(button) {
  let lock = null;
  const root = document.documentElement;
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()));

  // The browser lets go of the lock with a hidden page, so it is asked for again.
  async function stayAwake() {
    const wanted = document.fullscreenElement && !document.hidden;
    if (wanted) lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    else await lock?.release();
  }
  document.addEventListener("fullscreenchange", () => {
    button.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
    stayAwake();
  });
  document.addEventListener("visibilitychange", stayAwake);
}
