import { useId, useState } from 'react';
import type { SnapshotFrom } from 'xstate';
import { ApiError, explain, explainField } from '../api/problem';
import type { Role } from '../api/types';
import type { sessionMachine, SessionEvent } from './session.machine';

const devUsers: readonly { user: string; role: Role; what: string }[] = [
  { user: 'alice', role: 'customer', what: 'Customer' },
  { user: 'bob', role: 'customer', what: 'Customer' },
  { user: 'carol', role: 'customer', what: 'Customer' },
  { user: 'olivia', role: 'operator', what: 'Operator, sees all orders' },
];

/** After this number of consecutive refusals another sign-in with the same account will not help. */
const REFUSALS_LIMIT = 2;

interface SignInProps {
  state: SnapshotFrom<typeof sessionMachine>;
  send: (event: SessionEvent) => void;
}

export default function SignIn({ state, send }: SignInProps) {
  const { config, ended, error, refusal, refusals } = state.context;
  const nameError = config?.authMode === 'dev' ? errorOfName(error) : undefined;
  const exhausted = refusals >= REFUSALS_LIMIT;
  return (
    <main className="sign-in">
      <h1>Sign in to Orders</h1>
      {ended === 'expired' && (
        <p role="status">
          Your session has ended. {refusal !== undefined && `${explain(refusal)} `}Sign in again to continue
          where you left off.
        </p>
      )}
      {ended !== 'expired' && refusal !== undefined && (
        <p className="bad" role="alert">
          The server rejected your sign-in. {explain(refusal)}
          {exhausted && ' Signing in again won’t help. Use another account, or contact your administrator.'}
        </p>
      )}
      {error !== undefined && nameError === undefined && (
        <p className="bad" role="alert">
          {explain(error)}
        </p>
      )}
      {state.matches('returning') && <p role="status">Signing you in…</p>}
      {state.matches('unreachable') && (
        <button type="button" onClick={() => send({ type: 'RETRY' })}>
          Retry
        </button>
      )}
      {config?.authMode === 'dev' && (
        <DevChooser
          busy={state.matches('signingIn')}
          error={nameError}
          onChoose={(user, role) => send({ type: 'SIGN_IN', user, role })}
        />
      )}
      {config?.authMode === 'oidc' && !state.matches('returning') && (
        <button
          type="button"
          className="primary"
          disabled={state.matches('leaving')}
          onClick={() => send({ type: 'SIGN_IN_OIDC' })}
        >
          {exhausted ? 'Use another account' : 'Sign in with your account'}
        </button>
      )}
    </main>
  );
}

/** Why the server refused the name, if it did. */
function errorOfName(error: unknown): string | undefined {
  const found = error instanceof ApiError && error.problem.errors?.find(({ field }) => field === 'user');
  return found ? explainField({ ...found, field: 'the name' }) : undefined;
}

interface DevChooserProps {
  busy: boolean;
  error: string | undefined;
  onChoose: (user: string, role: Role) => void;
}

function DevChooser({ busy, error, onChoose }: DevChooserProps) {
  const hint = useId();
  const [name, setName] = useState('');
  const [operator, setOperator] = useState(false);
  return (
    <>
      <p>Development mode: choose a user.</p>
      <ul className="people">
        {devUsers.map(({ user, role, what }) => (
          <li key={user}>
            <button type="button" disabled={busy} onClick={() => onChoose(user, role)}>
              <strong>{user}</strong> <small>{what}</small>
            </button>
          </li>
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim()) onChoose(name.trim(), operator ? 'operator' : 'customer');
        }}
      >
        <label>
          Or enter another name
          <input
            value={name}
            maxLength={64}
            autoComplete="off"
            aria-invalid={error !== undefined}
            aria-describedby={error === undefined ? undefined : hint}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        {error !== undefined && (
          <small className="bad" id={hint} role="alert">
            {error}
          </small>
        )}
        <label className="tick">
          <input type="checkbox" checked={operator} onChange={(event) => setOperator(event.target.checked)} />
          Sign in as operator
        </label>
        <button type="submit" className="primary" disabled={busy || !name.trim()}>
          Sign in
        </button>
      </form>
    </>
  );
}
