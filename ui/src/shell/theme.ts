// Light or dark: as the system says, or as the viewer has chosen here.

import { useCallback, useState } from "react";

export type Theme = "auto" | "light" | "dark";

const KEY = "tm-theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

function stored(): Theme {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "auto";
}

function show(theme: Theme): void {
    const root = document.documentElement;
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
}

/** Applies the theme that was chosen before. */
export function startTheme(): void {
    show(stored());
}

/** Returns the theme, and a function that takes the next one. */
export function useTheme(): [Theme, () => void] {
    const [theme, setTheme] = useState(stored);
    const turn = useCallback(() => {
        const next = NEXT[theme];
        if (next === "auto") localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, next);
        show(next);
        setTheme(next);
    }, [theme]);
    return [theme, turn];
}
