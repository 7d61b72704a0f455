import { useState } from 'preact/hooks';
import { tr } from '../i18n';

/** What can't be undone is asked first. `name` is what is read out, if the label alone is not enough. */
export function Sure({
  label,
  name = label,
  test,
  act,
}: {
  label: string;
  name?: string;
  test?: string;
  act: () => void;
}) {
  const [asks, setAsks] = useState(false);
  return (
    <button
      type="button"
      class={asks ? 'leave' : ''}
      aria-label={asks ? tr('really', name) : name}
      data-test={test}
      onBlur={() => setAsks(false)}
      onClick={() => {
        if (asks) {
          act();
        }
        setAsks(!asks);
      }}
    >
      {asks ? tr('really', label) : label}
    </button>
  );
}
