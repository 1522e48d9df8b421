// Before anything is painted: the theme that was chosen here, else the system's.
(() => {
  try {
    const chosen = localStorage.getItem("hivemind-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch { /* storage is off: the system decides */ }
})();
