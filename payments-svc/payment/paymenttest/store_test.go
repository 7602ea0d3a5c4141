package paymenttest

import "testing"

func TestStoreInMemory(t *testing.T) { TestStore(t, &Store{}) }
