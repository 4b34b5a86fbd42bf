// The keys that work everywhere. None works while somebody types.

import { useEffect } from "react";

export interface Shortcuts {
    readonly palette: () => void;
    readonly help: () => void;
    /** Goes to the view of a letter; returns whether there is one. */
    readonly go: (letter: string) => boolean;
}

/** How long `g` waits for its letter, in milliseconds. */
const WAITS = 1500;

/** Listens to the keys while the component is there. */
export function useShortcuts({ palette, help, go }: Shortcuts): void {
    useEffect(() => {
        let waitsUntil = 0;
        const onKey = (event: KeyboardEvent): void => {
            if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
                event.preventDefault();
                palette();
                return;
            }
            if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
            if (event.timeStamp < waitsUntil) {
                waitsUntil = 0;
                if (go(event.key)) event.preventDefault();
            } else if (event.key === "g") waitsUntil = event.timeStamp + WAITS;
            else if (event.key === "?") help();
            else if (event.key === "/") {
                const field = document.querySelector<HTMLInputElement>("input[type=search]");
                if (!field) return;
                event.preventDefault();
                field.focus();
            }
        };
        window.addEventListener("keydown", onKey);
        return () => window.removeEventListener("keydown", onKey);
    }, [palette, help, go]);
}

function isTyping(target: EventTarget | null): boolean {
    if (!(target instanceof HTMLElement)) return false;
    return target.closest("dialog, textarea, select, input:not([type=checkbox], [type=range])") !== null;
}
