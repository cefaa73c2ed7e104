// parts/dialog.tsx: a question or a sheet over the page. The browser's own dialog element: it holds the focus, closes on Escape and
// gives the focus back to where it was.

import type {ComponentChildren, JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
  read?: boolean; // It is there to be read: it begins at its title, not at its first field.
}

// What every question ends with: leave it, or do it.
export function DialogFoot({
  close,
  act,
  word,
  disabled = false,
}: {
  close: () => void;
  act?: () => unknown; // Without it the form around is submitted.
  word: ComponentChildren;
  disabled?: boolean;
}): JSX.Element {
  return (
    <div class="sheet-foot">
      <button type="button" onClick={close}>
        Cancel
      </button>
      <button type={act ? "button" : "submit"} class="primary" disabled={disabled} onClick={act && (() => void act())}>
        {word}
      </button>
    </div>
  );
}

export function Dialog({title, close, children, read = false}: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    if (read) heading.current?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === element.current) close();
      }}
    >
      <div class="sheet">
        <h2 id="dialog-title" ref={heading} tabIndex={read ? -1 : undefined}>
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}
