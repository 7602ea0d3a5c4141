/** The tokens of one signed-in user. */
import { type ActorRefFrom, waitFor } from 'xstate';
import type { Tokens } from '../api/client';
import type { Session } from './session';
import type { sessionMachine } from './session.machine';

/** The limit of the wait for a new token, in ms. */
const RENEWAL_TIMEOUT = 10_000;

export function tokensOf(actor: ActorRefFrom<typeof sessionMachine>, first: Session): Required<Tokens> {
  let newest = first.token;
  const token = () => {
    const { session } = actor.getSnapshot().context;
    // When another tab signs in another user, requests that this page still sends must not become theirs.
    if (session?.user === first.user && session.role === first.role) newest = session.token;
    return newest;
  };
  return {
    token,
    accept: (used) => actor.send({ type: 'ACCEPTED', token: used }),
    async refuse(used, error) {
      actor.send({ type: 'REFUSED', token: used, error });
      await waitFor(actor, (state) => !state.matches({ signedIn: 'renewing' }), {
        timeout: RENEWAL_TIMEOUT,
      }).catch(() => undefined);
      return token() !== used;
    },
  };
}
