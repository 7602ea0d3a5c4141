package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/api/client"
)

// serve answers each request with the next status.
func serve(t *testing.T, statuses ...int) (c *client.Client, got *[]*http.Request) {
	t.Helper()
	got = new([]*http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(statuses[len(*got)])
		*got = append(*got, req)
		_, _ = io.WriteString(w, `{"id":"x","code":"unavailable"}`)
	}))
	t.Cleanup(server.Close)
	return client.New(server.URL, "secret", http.DefaultClient), got
}

func TestRequestsCarryOnlyWhatWasSet(t *testing.T) {
	c, got := serve(t, 200, 200)
	_, err := client.Read(c.CancelOrderWithBody(t.Context(), "x", nil, "", nil))
	require.NoError(t, err)
	_, err = client.Read(c.ListOrders(t.Context(), &api.ListOrdersParams{Limit: new(1)}))
	require.NoError(t, err)
	cancel, list := (*got)[0], (*got)[1]
	assert.Equal(t, "/v1/orders/x/cancel", cancel.URL.Path)
	assert.Equal(t, "Bearer secret", cancel.Header.Get("Authorization"))
	assert.NotContains(t, cancel.Header, "Content-Type")
	assert.NotContains(t, cancel.Header, "If-Match")
	assert.Equal(t, "/v1/orders?limit=1", list.URL.String())
}

func TestRetryEndsWithAnswerOfService(t *testing.T) {
	for last, ok := range map[int]bool{200: true, 409: false, 500: false} {
		c, got := serve(t, 503, 429, last)
		order, err := client.Retry[api.Order](t.Context(), 0, func() (client.Reply, error) {
			return client.Read(c.GetOrder(t.Context(), "x", nil))
		})
		assert.Len(t, *got, 3)
		if ok {
			require.NoError(t, err)
			assert.Equal(t, "x", order.ID)
			continue
		}
		var failed *client.Error
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, last, failed.Status)
		assert.Equal(t, api.ProblemCode("unavailable"), failed.Code())
	}
}

func TestRetryEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Retry[api.Order](ctx, 0, func() (client.Reply, error) {
		cancel()
		return client.Reply{}, io.ErrUnexpectedEOF
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestTokenReportsServiceWithoutDevTokens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := client.Token(t.Context(), server.URL, "alice", "customer", http.DefaultClient)
	require.ErrorIs(t, err, client.ErrNoDevTokens)
}

func TestParametersThatAreNotSetAreLeftOut(t *testing.T) {
	var queries []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { queries = append(queries, r.URL.RawQuery) }))
	defer server.Close()
	c := client.New(server.URL, "token", server.Client())
	for _, send := range []func() (*http.Response, error){
		func() (*http.Response, error) { return c.ListOrders(t.Context(), &api.ListOrdersParams{}) },
		func() (*http.Response, error) { return c.CountOrders(t.Context(), &api.CountOrdersParams{}) },
		func() (*http.Response, error) { return c.FollowOrders(t.Context(), &api.FollowOrdersParams{}) },
		func() (*http.Response, error) { return c.GetStats(t.Context(), &api.GetStatsParams{}) },
		func() (*http.Response, error) {
			return c.ListWebhookDeliveries(t.Context(), "1", &api.ListWebhookDeliveriesParams{})
		},
	} {
		_, err := client.Read(send())
		require.NoError(t, err)
	}
	assert.Equal(t, make([]string, 5), queries)
}
