import { Icon } from '../../ui/Icon';
import { useCopy } from './useCopy';

/** An id with a button that copies it. Long ids are cut at their beginning or end, depending on the place. */
export function Copyable({ name, text }: { name: string; text: string }) {
  const copy = useCopy();
  return (
    <span className="copyable">
      <code className="id" title={text}>
        {text}
      </code>
      <button
        type="button"
        className="quiet copy"
        aria-label={`Copy ${name}`}
        title={`Copy ${name}`}
        onClick={() => copy(name.charAt(0).toUpperCase() + name.slice(1), text)}
      >
        <Icon name="copy" />
      </button>
    </span>
  );
}
