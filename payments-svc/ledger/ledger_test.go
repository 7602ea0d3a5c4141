package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"go.uber.org/mock/gomock"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orders/kit/gentest"
	"orders/payments-svc/payment"
)

func TestMockIsGenerated(t *testing.T) { gentest.Fresh(t, "mock_test.go") }

var (
	noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	paid = payment.Payment{
		OrderID: "order-1", Status: payment.Confirmed, Amount: 900, Currency: "EUR", DecidedAt: noon,
		Entries: []payment.Entry{{Kind: payment.EntryCharged, Amount: 900, At: noon}},
	}
)

// Without these options Dapr would overwrite a payment that a concurrent call has stored.
func TestSaveUsesFirstWriteConcurrencyAndStrongConsistency(t *testing.T) {
	data, err := json.Marshal(paid)
	require.NoError(t, err)
	want := dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite, Consistency: dapr.StateConsistencyStrong}
	for name, version := range map[string]string{"insert": "", "update": "7"} {
		t.Run(name, func(t *testing.T) {
			state := NewMockState(gomock.NewController(t))
			state.EXPECT().SaveStateWithETag(gomock.Any(), "ledger", "order-1", data, version, nil, gomock.Any()).
				Do(func(ctx context.Context, _, _ string, _ []byte, _ string, _ map[string]string, options ...dapr.StateOption) {
					var got dapr.StateOptions
					for _, option := range options {
						option(&got)
					}
					require.Equal(t, want, got)
					_, limited := ctx.Deadline()
					require.True(t, limited, "a call without a deadline")
				})
			require.NoError(t, New(state).Save(t.Context(), paid, version))
		})
	}
}

func TestSaveReportsConflictOnlyForAnETagMismatch(t *testing.T) {
	for code, conflict := range map[codes.Code]bool{codes.Aborted: true, codes.Internal: false, codes.Unavailable: false} {
		state := NewMockState(gomock.NewController(t))
		cause := status.Error(code, "not saved")
		state.EXPECT().SaveStateWithETag(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any()).Return(cause)
		err := New(state).Save(t.Context(), paid, "7")
		require.ErrorIs(t, err, cause)
		require.Equal(t, conflict, errors.Is(err, payment.ErrConflict), code)
	}
}

// Dapr's PostgreSQL component reports a refused insert with the code Internal.
func TestFailedInsertIsConflictIfThereIsPayment(t *testing.T) {
	data, err := json.Marshal(paid)
	require.NoError(t, err)
	cause := status.Error(codes.Internal, "no item was updated")
	for name, test := range map[string]struct {
		stored   *dapr.StateItem
		err      error
		conflict bool
	}{
		"payment":          {stored: &dapr.StateItem{Value: data, Etag: "7"}, conflict: true},
		"no payment":       {stored: &dapr.StateItem{}},
		"state store away": {err: errors.New("away")},
	} {
		t.Run(name, func(t *testing.T) {
			state := NewMockState(gomock.NewController(t))
			state.EXPECT().SaveStateWithETag(gomock.Any(), gomock.Any(), gomock.Any(), gomock.Any(), "", gomock.Any(), gomock.Any()).Return(cause)
			state.EXPECT().GetState(gomock.Any(), "ledger", "order-1", nil).Return(test.stored, test.err)
			err := New(state).Save(t.Context(), paid, "")
			require.ErrorIs(t, err, cause)
			require.Equal(t, test.conflict, errors.Is(err, payment.ErrConflict))
		})
	}
}

func TestLoad(t *testing.T) {
	data, err := json.Marshal(paid)
	require.NoError(t, err)
	away := errors.New("away")
	for name, test := range map[string]struct {
		item    *dapr.StateItem
		err     error
		want    payment.Payment
		version string
		fails   string
	}{
		"payment":                   {item: &dapr.StateItem{Value: data, Etag: "7"}, want: paid, version: "7"},
		"no payment":                {item: &dapr.StateItem{}},
		"state store away":          {err: away, fails: "away"},
		"not JSON":                  {item: &dapr.StateItem{Value: []byte("{"), Etag: "7"}, fails: "JSON"},
		"another order's payment":   {item: &dapr.StateItem{Value: []byte(`{"orderId":"order-2","status":"confirmed"}`), Etag: "7"}, fails: "order-1"},
		"payment without a status":  {item: &dapr.StateItem{Value: []byte(`{"orderId":"order-1"}`), Etag: "7"}, fails: "order-1"},
		"payment without a version": {item: &dapr.StateItem{Value: data}, fails: "order-1"},
	} {
		t.Run(name, func(t *testing.T) {
			state := NewMockState(gomock.NewController(t))
			state.EXPECT().GetState(gomock.Any(), "ledger", "order-1", nil).Return(test.item, test.err)
			got, version, err := New(state).Load(t.Context(), "order-1")
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				require.Empty(t, got)
				require.Empty(t, version)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			require.Equal(t, test.version, version)
		})
	}
}
