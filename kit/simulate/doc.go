// Package simulate finds what goes wrong with a virtual actor under faults. It runs the real code of an actor with its clients in one
// process, on a virtual clock, thousands of histories a second. A seed determines each history, so a failure can be repeated.
//
// # Usage
//
// A [Scenario] hosts the actor, starts clients and says what must hold. [Check] runs it with many seeds:
//
//	func TestTicketsAreNotOversold(t *testing.T) {
//		simulate.Check(t, 2_000, func(s *simulate.Simulation) {
//			s.Host(func(*simulate.Replica) func(id string) actors.Actor {
//				return func(id string) actors.Actor { return ticket.New(id, s.Sidecar(), s.Seal(), s.Now) }
//			})
//			sold := 0
//			for range 3 {
//				s.Go(0, func() {
//					s.Sleep(time.Duration(s.IntN(1_000)) * time.Millisecond)
//					if _, err := s.Invoke(context.Background(), "concert", "buy", ticket.Buy{}); err == nil {
//						sold++
//					}
//				})
//			}
//			s.Always("at most one ticket is sold", func() error {
//				if sold > 1 {
//					return fmt.Errorf("%d are sold", sold)
//				}
//				return nil
//			})
//		})
//	}
//
// The actor needs no change: its port to Dapr is an interface with the methods of [Sidecar] that it uses, which those of actors.Sidecar
// implement too. Its clock is [Simulation.Now]. What else it calls, such as a database or another service, is a fake whose methods are each
// one [Simulation.Step].
//
// # Faults
//
// Each history draws one or two replicas and the rate of each fault; half of the histories do not have a given one.
//
//   - A request or its reply is lost. The caller cannot know which.
//   - A replica crashes between any two steps. It loses its memory, and starts again after some seconds.
//   - A command or a reminder arrives twice, the second time late, and so out of order.
//   - Two replicas run the same actor at the same time, since a message reached one that no longer owns it. The state store has no
//     compare-and-set: the last save wins.
//   - The actor moves to another replica or loses its activation.
//   - A reminder is early, late or repeated. It is repeated until a turn has succeeded, as with the policy that actors.Sidecar sets.
//   - A step takes seconds, so that timeouts end before it.
//
// Faults end after FaultsFor. The history then runs until all work is done, so that [Simulation.AtEnd] checks what must hold in the end:
// everything that was begun is finished. A scenario may change the Rates, to allow an actor less than all of this.
//
// # Time and processes
//
// One [Process] runs at a time and stops only in a step or while it sleeps. So clients and invariants share variables without locks, and
// the code under test must not start goroutines, use other clocks or randomness that matters for its result, or iterate over maps. Work
// outside of turns, such as a worker's loop, is started in [Simulation.Host] with [Replica.Background].
//
// # Failures
//
// A failing seed is reduced: the same invariant must fail with the fewest faults and the shortest story. The test prints that story,
// a line for each step with its virtual time, and how to repeat it: N=1 SEED=17 go test -run TestTicketsAreNotOversold. [Fuzz] gives the
// choices to Go's fuzzer, which looks for histories with new coverage. A good simulation is tested itself: break the actor on purpose,
// and see that Search finds it.
//
// # Limits
//
// Only steps and sleeps interleave. Data races need the race detector. The fakes do what Dapr's documentation and our tests with the
// real sidecar show, so a simulation does not replace a test with a real sidecar.
package simulate
