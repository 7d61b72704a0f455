import { useEffect, useRef, useState } from 'preact/hooks';
import { tr } from '../i18n';
import { fold } from '../state';

export interface Choice {
  name: string;
  act: () => void;
}

/** Everything that can be done here, found by its name: Ctrl+K. */
export function Palette({ choices, close }: { choices: Choice[]; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [words, setWords] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  const found = choices.filter(({ name }) => fold(name).includes(fold(words)));
  const choose = (choice: Choice | undefined) => {
    close();
    choice?.act();
  };
  return (
    <dialog ref={dialog} class="palette" aria-label={tr('palette')} data-test="palette" onClose={close}>
      <form
        class="column"
        onSubmit={(event) => {
          event.preventDefault();
          choose(found[0]);
        }}
      >
        <label class="field">
          {tr('palette')}
          <input
            autocomplete="off"
            data-test="palette-words"
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </label>
        <ul>
          {found.map((choice) => (
            <li key={choice.name}>
              <button type="button" class="plain" onClick={() => choose(choice)}>
                {choice.name}
              </button>
            </li>
          ))}
        </ul>
        {found.length === 0 ? <p class="quiet">{tr('palette_nothing')}</p> : null}
      </form>
    </dialog>
  );
}
