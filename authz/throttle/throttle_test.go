package throttle_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewright/gatewright/authz/throttle"
)

func Example() {
	guesses, err := throttle.New(throttle.Config{Limit: 2, Window: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		if _, over := guesses.Over("192.0.2.1 key"); over {
			fmt.Println("wait")
			continue
		}
		fmt.Println("wrong secret")
		guesses.Failed("192.0.2.1 key")
	}
	// Output:
	// wrong secret
	// wrong secret
	// wait
}

func TestWindowSlides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th, err := throttle.New(throttle.Config{Limit: 4, Window: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		over := func() bool { _, o := th.Over("a"); return o }
		for range 4 {
			if over() {
				t.Fatal("over before the limit")
			}
			th.Failed("a")
		}
		if !over() {
			t.Fatal("not over at the limit")
		}
		if _, o := th.Over("b"); o {
			t.Error("another key is over")
		}
		time.Sleep(61 * time.Second) // most of the window before still counts
		th.Failed("a")
		if !over() {
			t.Error("the previous window is forgotten at once")
		}
		time.Sleep(2 * time.Minute)
		if over() {
			t.Error("never forgotten")
		}
	})
}

func TestManyKeysStayBounded(t *testing.T) {
	t.Parallel()
	th, err := throttle.New(throttle.Config{Limit: 1, Window: time.Hour, Keys: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		th.Failed(fmt.Sprint(i))
	}
	if _, over := th.Over("999"); !over {
		t.Error("the newest key is forgotten")
	}
	if _, over := th.Over("0"); over {
		t.Error("the oldest of a thousand keys is remembered in ten places")
	}
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	for _, cfg := range []throttle.Config{{}, {Limit: 1}, {Window: time.Minute}, {Limit: -1, Window: time.Minute}, {Limit: 1, Window: -1}} {
		if _, err := throttle.New(cfg); err == nil {
			t.Errorf("%+v: want an error", cfg)
		}
	}
}
