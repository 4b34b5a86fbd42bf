// Short messages at the edge of the page, with something that can be done for ten seconds.

import { type ReactNode, createContext, useCallback, useContext, useMemo, useRef, useState } from "react";

import { en } from "../messages/en";
import { Button, type Tone } from "./basic";

export interface Toast {
    readonly text: string;
    readonly tone: Tone;
    readonly action?: { readonly title: string; readonly run: () => void };
}

interface Shown extends Toast {
    readonly id: number;
}

export interface Toasts {
    /** Shows a message and returns its id. */
    show(toast: Toast): number;
    /** Replaces the text of a message that is still there. */
    replace(id: number, text: string): void;
}

const ToastContext = createContext<Toasts>({ show: () => 0, replace: () => undefined });
/** How long a message stays, in milliseconds. */
const STAYS = 10_000;

export const useToasts = (): Toasts => useContext(ToastContext);

/** Holds the messages; they are read aloud as they come. */
export function ToastArea({ children }: { children: ReactNode }): ReactNode {
    const [shown, setShown] = useState<readonly Shown[]>([]);
    const next = useRef(1);
    const drop = useCallback((id: number) => setShown((all) => all.filter((one) => one.id !== id)), []);
    const toasts = useMemo<Toasts>(
        () => ({
            show(toast) {
                const id = next.current++;
                setShown((all) => [...all.slice(-3), { ...toast, id }]);
                setTimeout(() => drop(id), STAYS);
                return id;
            },
            replace: (id, text) => setShown((all) => all.map((one) => (one.id === id ? { ...one, text } : one))),
        }),
        [drop],
    );
    return (
        <ToastContext value={toasts}>
            {children}
            <div className="toasts" role="status">
                {shown.map(({ id, text, tone, action }) => (
                    <div key={id} className={`toast ${tone}`}>
                        <span>{text}</span>
                        {action && (
                            <Button
                                onClick={() => {
                                    drop(id);
                                    action.run();
                                }}
                            >
                                {action.title}
                            </Button>
                        )}
                        <Button kind="quiet" aria-label={en.close} onClick={() => drop(id)}>
                            ×
                        </Button>
                    </div>
                ))}
            </div>
        </ToastContext>
    );
}
