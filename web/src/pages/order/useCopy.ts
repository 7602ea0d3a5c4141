import { useServices } from '../../services';
import { copyText } from '../../ui/clipboard';

/** Copies a text, and says so: `name` is what was copied, such as “Link”. */
export function useCopy(): (name: string, text: string) => void {
  const { toasts } = useServices();
  return (name, text) =>
    void copyText(text).then(
      () => toasts.show(`${name} copied`),
      () => toasts.show(`Couldn’t copy the ${name.toLowerCase()}.`, { tone: 'bad' }),
    );
}
