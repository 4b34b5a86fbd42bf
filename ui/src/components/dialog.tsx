// A dialog: the browser's own, which keeps the focus inside and gives it back.

import { type ReactNode, useEffect, useId, useRef } from "react";

interface DialogProps {
    title: ReactNode;
    onClose: () => void;
    children: ReactNode;
    footer?: ReactNode;
    wide?: boolean;
    /** Sent by Enter, or by a button of the footer with `type="submit"`. */
    onSubmit?: () => void;
}

/** A modal dialog; Escape closes it. */
export function Dialog({ title, onClose, children, footer, wide = false, onSubmit }: DialogProps): ReactNode {
    const dialog = useRef<HTMLDialogElement>(null);
    const id = useId();
    useEffect(() => {
        const before = document.activeElement;
        dialog.current?.showModal();
        // React's own way sets the focus before the dialog opens, which then takes it for its first part.
        dialog.current?.querySelector<HTMLElement>("[data-focus]")?.focus();
        return () => {
            if (before instanceof HTMLElement) before.focus();
        };
    }, []);
    return (
        <dialog
            ref={dialog}
            className={wide ? "wide" : ""}
            aria-labelledby={id}
            onClose={onClose}
            onCancel={(event) => {
                event.preventDefault();
                onClose();
            }}
        >
            <form
                method="dialog"
                onSubmit={(event) => {
                    event.preventDefault();
                    onSubmit?.();
                }}
            >
                <h2 id={id}>{title}</h2>
                <div className="dialog-body">{children}</div>
                {footer !== undefined && <div className="dialog-foot">{footer}</div>}
            </form>
        </dialog>
    );
}
