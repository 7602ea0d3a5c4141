import { TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

type Helpers = Parameters<Parameters<TestScheduler['run']>[0]>[0] & { scheduler: TestScheduler };

/** Runs a marble test on virtual time, and returns its result afterwards. */
export function marbles<T>(test: (helpers: Helpers) => T): T {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  return scheduler.run((helpers) => test({ ...helpers, scheduler }));
}
