package actors

import (
	"context"
	"net"
	"testing"
	"time"

	pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// scheduling is a sidecar that tells how long a registration may take.
type scheduling struct {
	pb.UnimplementedDaprServer
	may chan time.Duration
}

func (s scheduling) RegisterActorReminder(ctx context.Context, _ *pb.RegisterActorReminderRequest) (*emptypb.Empty, error) {
	end, ok := ctx.Deadline()
	if !ok {
		end = time.Now().Add(time.Hour)
	}
	s.may <- time.Until(end)
	return &emptypb.Empty{}, nil
}

// While the scheduler is away a turn must not be held up as long as it may take.
func TestARegistrationMayNotHoldUpItsTurn(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sidecar := scheduling{may: make(chan time.Duration, 1)}
	server := grpc.NewServer()
	pb.RegisterDaprServer(server, sidecar)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	s, err := Dial(listener.Addr().String(), "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })

	require.NoError(t, s.Remind(t.Context(), "Order", "1", "deliver", time.Minute))
	assert.LessOrEqual(t, <-sidecar.may, remindTimeout)
}
