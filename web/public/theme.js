// Runs before the first paint, so that nobody at a dark door is blinded by a white page.
(function () {
    var theme = null;
    try {
        theme = (JSON.parse(localStorage.getItem('muster.preferences') || '{}') || {}).theme;
    } catch (e) {
        // A browser that keeps nothing shows what the system likes.
    }
    if (theme !== 'bright' && theme !== 'dark' && theme !== 'contrast') {
        theme = matchMedia('(prefers-contrast: more)').matches
            ? 'contrast'
            : matchMedia('(prefers-color-scheme: dark)').matches
              ? 'dark'
              : 'bright';
    }
    document.documentElement.dataset.theme = theme;
})();
