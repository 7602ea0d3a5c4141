package actors_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"orders/kit/actors"
	"orders/kit/simulate"
)

// note is an actor that keeps one text for a day.
type note struct {
	id   string
	dapr port
	seal actors.Seal
}

// port is the part of actors.Sidecar that a note needs.
type port interface {
	Save(ctx context.Context, actorType, id, key string, value any) error
	SetReminder(ctx context.Context, actorType, id, name string, delay time.Duration) error
}

func (n *note) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	text, sealReply, err := n.seal.Open(method, n.id, body) // text is JSON
	if err != nil {
		return nil, err
	}
	if err := n.dapr.SetReminder(ctx, "Note", n.id, "expire", 24*time.Hour); err != nil {
		return nil, err
	}
	if err := n.dapr.Save(ctx, "Note", n.id, "text", text); err != nil {
		return nil, err
	}
	return sealReply([]byte("saved")), nil
}

func (n *note) Remind(ctx context.Context, _ string) error {
	return n.dapr.Save(ctx, "Note", n.id, "text", "")
}

// The actor runs on a simulated sidecar and a virtual clock, here without faults.
func Example() {
	simulate.Run(func(s *simulate.Simulation) {
		s.Limit = 48 * time.Hour
		s.Host(func(*simulate.Replica) func(id string) actors.Actor {
			return func(id string) actors.Actor { return &note{id: id, dapr: s.Sidecar(), seal: s.Seal()} }
		})
		s.Go(0, func() {
			reply, err := s.Invoke(context.Background(), "shopping", "write", "milk, tea")
			fmt.Printf("%s %v\n", reply, err)
			for range 2 {
				var text string
				s.Sidecar().Stored("Note", "shopping", "text", &text)
				fmt.Printf("%s: %q\n", s.Now().Format("Jan 2"), text)
				s.Sleep(25 * time.Hour)
			}
		})
	}, simulate.Bytes(nil), nil)
	// Output:
	// saved <nil>
	// Jan 1: "milk, tea"
	// Jan 2: ""
}

// The same actor on Dapr. The sidecar must have the address below, and a state store with actorStateStore: "true".
func Example_sidecar() {
	sidecar, err := actors.Dial("127.0.0.1:50001", os.Getenv("DAPR_API_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	defer sidecar.Close()
	seal := actors.Seal{Keys: [][]byte{[]byte(os.Getenv("SEAL_KEY"))}, Now: time.Now} // 32 random bytes

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	host := actors.NewHost(sidecar, actors.Config{Type: "Note", Activate: func(id string) actors.Actor {
		return &note{id: id, dapr: sidecar, seal: seal}
	}})
	go host.Run(ctx)

	notes := actors.Invoker{Sidecar: sidecar, Type: "Note", Seal: seal, Timeout: 15 * time.Second}
	reply, err := notes.Invoke(ctx, "shopping", "write", "milk, tea")
	fmt.Printf("%s %v\n", reply, err)
}

// A command opens for its actor and method only, and its reply for the caller only.
func ExampleSeal() {
	seal := actors.Seal{Keys: [][]byte{bytes.Repeat([]byte("k"), 32)}, Now: time.Now}
	body, openReply, err := seal.Close("write", "shopping", "milk")
	if err != nil {
		log.Fatal(err)
	}
	command, sealReply, err := seal.Open("write", "shopping", body)
	fmt.Printf("%s %v\n", command, err)
	_, _, err = seal.Open("write", "secrets", body)
	fmt.Println(errors.Is(err, actors.ErrSeal))
	reply, err := openReply(sealReply([]byte("saved")))
	fmt.Printf("%s %v\n", reply, err)
	// Output:
	// "milk" <nil>
	// true
	// saved <nil>
}
