import type { ComponentChildren, JSX } from 'preact';
import type { PageContext } from './context';

/** A question with the form that answers it. The form goes to the question's own address, with all its filters. */
export function Ask({
  page,
  button,
  back,
  children,
}: {
  page: PageContext;
  /** What the button says: the action, not just "OK". */
  button: string;
  /** Where a person goes who does not want it. */
  back: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <form method="post" action={page.address} class="ask">
      <input type="hidden" name="as" value={page.user} />
      {children}
      <p>
        <button type="submit" class="act">
          {button}
        </button>{' '}
        <a href={back}>No, go back</a>
      </p>
    </form>
  );
}

export function ReasonInput({ isRequired = false }: { isRequired?: boolean }): JSX.Element {
  return (
    <label>
      {isRequired ? 'Why (kept in the audit)' : 'Why (may be empty)'}
      <input name="reason" required={isRequired} maxLength={500} autoComplete="off" />
    </label>
  );
}

/** Asks for the number of what is concerned, because a click is too easy. */
export function CountInput({ count, what }: { count: number; what: string }): JSX.Element {
  return (
    <label>
      {`Type ${count} to confirm that ${what}`}
      <input
        name="count"
        inputMode="numeric"
        pattern="[0-9]+"
        required
        autoComplete="off"
        size={12}
      />
    </label>
  );
}
