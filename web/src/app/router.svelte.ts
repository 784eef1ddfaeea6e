/** Where the app is: one path a screen, so that the back button and links do what they say. */
class Router {
    path = $state(location.pathname);
    query = $state.raw(new URLSearchParams(location.search));
    /** Whether somebody has gone anywhere since the app was opened. */
    moved = false;

    constructor() {
        addEventListener('popstate', () => this.read());
        document.addEventListener('click', (event) => this.follow(event));
    }

    go(to: string, replace = false): void {
        if (to === location.pathname + location.search) return;
        history[replace ? 'replaceState' : 'pushState'](null, '', to);
        this.read();
        scrollTo(0, 0);
    }

    /** Back to where somebody came from, or to a place that is right when they came from nowhere. */
    back(otherwise: string): void {
        if (history.length > 1) history.back();
        else this.go(otherwise, true);
    }

    private read(): void {
        this.moved = true;
        this.path = location.pathname;
        this.query = new URLSearchParams(location.search);
    }

    private follow(event: MouseEvent): void {
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
        const link = event.target instanceof Element ? event.target.closest('a') : null;
        if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
        if (link.hash && link.pathname === location.pathname) return;
        event.preventDefault();
        this.go(link.pathname + link.search);
    }
}

export const router = new Router();
