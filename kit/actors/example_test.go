package actors_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"orders/kit/actors"
)

// note is an actor that keeps one text for a day.
type note struct {
	id      string
	sidecar *actors.Sidecar
	seal    actors.Seal
}

func (n *note) Invoke(ctx context.Context, method string, body []byte) ([]byte, error) {
	text, sealReply, err := n.seal.Open(method, n.id, body) // text is JSON
	if err != nil {
		return nil, err
	}
	if err := n.sidecar.SetReminder(ctx, "Note", n.id, "expire", 24*time.Hour); err != nil {
		return nil, err
	}
	if err := n.sidecar.Save(ctx, "Note", n.id, "text", text); err != nil {
		return nil, err
	}
	return sealReply([]byte("saved")), nil
}

func (n *note) Remind(ctx context.Context, _ string) error {
	return n.sidecar.Save(ctx, "Note", n.id, "text", "")
}

// The sidecar must have the address below, and a state store with actorStateStore: "true".
func Example() {
	sidecar, err := actors.Dial("127.0.0.1:50001", os.Getenv("DAPR_API_TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	defer sidecar.Close()
	seal := actors.Seal{Keys: [][]byte{[]byte(os.Getenv("SEAL_KEY"))}, Now: time.Now} // 32 random bytes

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	host := actors.NewHost(sidecar, actors.Config{Type: "Note", Activate: func(id string) actors.Actor {
		return &note{id: id, sidecar: sidecar, seal: seal}
	}})
	go host.Run(ctx)

	notes := actors.Invoker{Sidecar: sidecar, Type: "Note", Seal: seal, Timeout: 15 * time.Second}
	reply, err := notes.Invoke(ctx, "shopping", "write", "milk, tea")
	fmt.Printf("%s %v\n", reply, err)
}
