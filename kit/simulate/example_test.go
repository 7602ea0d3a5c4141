package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"orders/kit/actors"
	"orders/kit/simulate"
)

// account is an actor with a defect: it executes a deposit again if its caller, which got no reply, sends it again.
type account struct {
	id   string
	dapr interface {
		Load(ctx context.Context, actorType, id, key string, value any) (bool, error)
		Save(ctx context.Context, actorType, id, key string, value any) error
	}
	seal   actors.Seal
	unique bool // without the defect
}

type balance struct {
	Amount   int
	Deposits map[string]bool // the ids of executed deposits
}

func (a *account) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	command, sealReply, err := a.seal.Open(method, a.id, body)
	if err != nil {
		return nil, err
	}
	var deposit string
	if err := json.Unmarshal(command, &deposit); err != nil {
		return nil, err
	}
	state := balance{Deposits: map[string]bool{}}
	if _, err := a.dapr.Load(ctx, "Account", a.id, "balance", &state); err != nil {
		return nil, err
	}
	if a.unique && state.Deposits[deposit] {
		return sealReply(nil), nil
	}
	state.Amount++
	state.Deposits[deposit] = true
	if err := a.dapr.Save(ctx, "Account", a.id, "balance", state); err != nil {
		return nil, err
	}
	return sealReply(nil), nil
}

func (a *account) Remind(context.Context, string) error { return nil }

// deposits is a client that sends each of two deposits until it gets a reply. The balance must be two in the end.
func deposits(unique bool) simulate.Scenario {
	return func(s *simulate.Simulation) {
		s.Rates.Stray = 0 // this actor has no arbiter between two replicas
		s.Host(func(*simulate.Replica) func(id string) actors.Actor {
			return func(id string) actors.Actor { return &account{id, s.Sidecar(), s.Seal(), unique} }
		})
		s.Go(0, func() {
			for _, deposit := range []string{"first", "second"} {
				for errors.Is(invoke(s, deposit), actors.ErrUnavailable) {
					s.Logf("client: no reply to %s", deposit)
				}
			}
		})
		s.AtEnd("each deposit counts once", func() error {
			var state balance
			s.Sidecar().Stored("Account", "7", "balance", &state)
			if state.Amount != 2 {
				return fmt.Errorf("the balance is %d", state.Amount)
			}
			return nil
		})
	}
}

func invoke(s *simulate.Simulation, deposit string) error {
	_, err := s.Invoke(context.Background(), "7", "deposit", deposit)
	return err
}

func Example() {
	_, failure := simulate.Search(deposits(false), 0, 1_000)
	fmt.Println(failure.Violations[0])
	fmt.Println("faults:", failure.Faults)
	// Output:
	// each deposit counts once: the balance is 3
	// faults: 1
}
