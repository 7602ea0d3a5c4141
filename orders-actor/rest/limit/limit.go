// Package limit limits calls: how many run at once (Calls), how many long-lived ones each user has (Slots), and how many
// requests each user sends per minute (Rates). All limits are per replica. A call over a limit is refused at once; none
// waits in a queue. All types may be used concurrently.
package limit

import "orders/kit/httpapi/problem"

// Overloaded returns the problem of a call that exceeds a limit of all users together.
func Overloaded() error {
	return problem.New(problem.Overloaded, "too many requests at once; try again")
}

// Calls limits how many calls run at once. Its capacity is the limit.
type Calls chan struct{}

// Enter admits a call, which must call Leave at its end, or returns an overloaded problem.
func (c Calls) Enter() error {
	select {
	case c <- struct{}{}:
		return nil
	default:
		return Overloaded()
	}
}

// Leave ends a call that Enter admitted.
func (c Calls) Leave() { <-c }
