// The palette: goes anywhere by a few letters.

import { type KeyboardEvent, type ReactNode, useId, useMemo, useState } from "react";
import { useLocation } from "wouter";

import { Dialog } from "../components/dialog";
import { en } from "../messages/en";

export interface Place {
    readonly title: string;
    readonly kind: string;
    readonly path: string;
}

/** The most places that are offered at once. */
const OFFERED = 12;

/** A dialog with a field and the places that match it. */
export function Palette({ places, onClose }: { places: readonly Place[]; onClose: () => void }): ReactNode {
    const [text, setText] = useState("");
    const [at, setAt] = useState(0);
    const [, go] = useLocation();
    const id = useId();
    const found = useMemo(() => {
        const words = text.toLowerCase().split(/\s+/);
        const all = places.filter(({ title, kind }) =>
            words.every((word) => `${title} ${kind}`.toLowerCase().includes(word)),
        );
        return all.slice(0, OFFERED);
    }, [places, text]);
    const open = (place: Place | undefined): void => {
        if (!place) return;
        onClose();
        go(place.path);
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
        if (step === 0) return;
        event.preventDefault();
        setAt(Math.min(found.length - 1, Math.max(0, at + step)));
    };
    return (
        <Dialog title={en.palette.open} onClose={onClose} onSubmit={() => open(found[at])}>
            <input
                className="palette-field"
                role="combobox"
                aria-label={en.palette.label}
                aria-expanded="true"
                aria-controls={id}
                aria-activedescendant={found.length > 0 ? `${id}-${String(at)}` : undefined}
                data-focus
                autoComplete="off"
                value={text}
                onKeyDown={onKeyDown}
                onChange={(event) => {
                    setText(event.target.value);
                    setAt(0);
                }}
            />
            <div id={id} role="listbox" aria-label={en.palette.label} className="palette-list">
                {found.map((place, index) => (
                    <div
                        key={place.path + place.kind}
                        id={`${id}-${String(index)}`}
                        role="option"
                        aria-selected={index === at}
                        onClick={() => open(place)}
                    >
                        <span>{place.title}</span>
                        <span className="quiet">{place.kind}</span>
                    </div>
                ))}
            </div>
            {found.length === 0 && <p className="quiet">{en.palette.none}</p>}
        </Dialog>
    );
}
