package seat_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/examples/seat/seat"
	"orders/kit/actors"
	"orders/kit/simulate"
)

const holdFor = 10 * time.Second

// store is a fake of the state store, in which the first write wins.
type store struct {
	s        *simulate.Simulation
	seats    map[string]seat.Seat
	versions map[string]int
	lastWins bool // a deliberate defect
}

func (f *store) Load(_ context.Context, id string) (s seat.Seat, version string, err error) {
	err = f.s.Step("load "+id, func() { s, version = f.seats[id], strconv.Itoa(f.versions[id]) })
	return s, version, err
}

func (f *store) Save(_ context.Context, id string, s seat.Seat, version string) (err error) {
	lost := f.s.Step(fmt.Sprintf("save %s %+v", id, s), func() {
		if version != strconv.Itoa(f.versions[id]) && !f.lastWins {
			err = seat.ErrConflict
			return
		}
		f.seats[id] = s
		f.versions[id]++
	})
	return errors.Join(lost, err)
}

// noReminders is a deliberate defect.
type noReminders struct{}

func (noReminders) SetReminder(context.Context, string, string, string, time.Duration) error {
	return nil
}

// customers of one seat hold it and perhaps confirm it, with all faults.
func customers(lastWins, withoutReminders bool) simulate.Scenario {
	return func(s *simulate.Simulation) {
		f := &store{s, map[string]seat.Seat{}, map[string]int{}, lastWins}
		var reminders seat.Reminders = s.Sidecar()
		if withoutReminders {
			reminders = noReminders{}
		}
		s.Host(func(*simulate.Replica) func(id string) actors.Actor {
			return seat.Activator(seat.Options{Store: f, Reminders: reminders, Seal: s.Seal(), Clock: s.Now, HoldFor: holdFor})
		})
		holds := map[string][]time.Time{} // the ends of the acknowledged holds of each customer
		confirmed := map[string]bool{}
		for _, customer := range []string{"Ann", "Bob", "Cleo"} {
			s.Go(time.Duration(s.IntN(15_000))*time.Millisecond, func() {
				for range 1 + s.IntN(2) {
					visit(s, customer, holds, confirmed)
					s.Sleep(time.Duration(s.IntN(15_000)) * time.Millisecond)
				}
			})
		}
		s.Always("one customer holds the seat", func() error {
			for a, ends := range holds {
				for b, others := range holds {
					if a < b && overlap(ends, others) {
						return fmt.Errorf("%s and %s hold it at the same time", a, b)
					}
				}
			}
			return nil
		})
		s.AtEnd("a confirmed seat is kept", func() error {
			for customer := range confirmed {
				if got := f.seats["A1"]; !got.Confirmed || got.Holder != customer {
					return fmt.Errorf("%s has confirmed, and the seat is %+v", customer, got)
				}
			}
			return nil
		})
		s.AtEnd("every hold ends", func() error {
			if got := f.seats["A1"]; got.Holder != "" && !got.Confirmed {
				return fmt.Errorf("%s still holds the seat", got.Holder)
			}
			return nil
		})
	}
}

// visit repeats requests whose outcome is unknown, as clients do.
func visit(s *simulate.Simulation, customer string, holds map[string][]time.Time, confirmed map[string]bool) {
	seats := seat.Client{Invoker: s}
	send := func(command func(context.Context, string, string) (seat.Seat, error)) (seat.Seat, error) {
		for {
			got, err := command(context.Background(), "A1", customer)
			if !errors.Is(err, actors.ErrUnavailable) {
				return got, err
			}
			s.Sleep(time.Second)
		}
	}
	got, err := send(seats.Hold)
	if err != nil || got.Confirmed {
		return
	}
	holds[customer] = append(holds[customer], got.Until)
	s.Sleep(time.Duration(s.IntN(15_000)) * time.Millisecond) // perhaps longer than the hold
	if s.IntN(2) == 0 {
		return
	}
	if _, err := send(seats.Confirm); err == nil {
		confirmed[customer] = true
	}
}

func overlap(ends, others []time.Time) bool {
	for _, a := range ends {
		for _, b := range others {
			if a.Sub(b).Abs() < holdFor {
				return true
			}
		}
	}
	return false
}

func TestSeatsHoldUnderFaults(t *testing.T) {
	total := simulate.Check(t, 3_000, customers(false, false))
	assert.Positive(t, total.Crashes)
}

func TestSimulationFindsDefects(t *testing.T) {
	for name, scenario := range map[string]simulate.Scenario{
		"one customer holds the seat": customers(true, false),
		"every hold ends":             customers(false, true),
	} {
		_, failure := simulate.Search(scenario, 0, 3_000)
		require.NotNil(t, failure, name)
		t.Log(failure)
		assert.Equal(t, name, failure.Violations[0].Invariant)
	}
}

func FuzzSeats(f *testing.F) { simulate.Fuzz(f, customers(false, false)) }
