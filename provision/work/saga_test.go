package work_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

func TestSaga(t *testing.T) {
	t.Parallel()
	const all = "c/boot c/net c/port"
	for _, c := range []struct {
		name   string
		setup  string
		want   string
		status work.Status
		left   string
		err    string
		reason string
	}{
		{"all goes well", "",
			"plan net:do port:do boot:do settle-done", work.Done, all, "", ""},
		{"the failed task is undone too", "boot:do-fail",
			"plan net:do port:do boot:do boot:undo port:undo net:undo settle-undone", work.Undone, "nothing", "no room for boot:do", ""},
		{"whose effect may have happened", "boot:do-fail-after",
			"plan net:do port:do boot:do boot:undo port:undo net:undo settle-undone", work.Undone, "nothing", "boot:do: failed after the effect", ""},
		{"tasks after the failed one are not touched", "net:do-fail",
			"plan net:do net:undo settle-undone", work.Undone, "nothing", "no room for net:do", ""},
		{"an internal error shows no detail", "net:do-break",
			"plan net:do net:undo settle-undone", work.Undone, "nothing", "something went wrong here; the operator's log has the details under this request's id", ""},
		{"a panic is an internal error", "port:do-panic",
			"plan net:do port:do port:undo net:undo settle-undone", work.Undone, "nothing", "something went wrong here; the operator's log has the details under this request's id", ""},
		{"unavailable is tried again", "port:do-unavailable*2",
			"plan net:do port:do port:do port:do boot:do settle-done", work.Done, all, "", ""},
		{"until the attempts are exhausted", "port:do-unavailable*99",
			"plan net:do port:do port:do port:do port:do port:undo net:undo settle-undone", work.Undone, "nothing", "the cloud sleeps", ""},
		{"each task has attempts of its own", "net:do-unavailable*3 port:do-unavailable*3",
			"plan net:do net:do net:do net:do port:do port:do port:do port:do boot:do settle-done", work.Done, all, "", ""},
		{"not yet is no failed attempt", "boot:do-wait*6",
			"plan net:do port:do boot:do boot:do boot:do boot:do boot:do boot:do boot:do settle-done", work.Done, all, "", ""},
		{"not yet has an end", "net:do-wait*999",
			"plan" + times(" net:do", 11) + " net:undo settle-undone", work.Undone, "nothing", "net:do has not come up yet; given up after 10s", ""},
		{"an undo is tried again whatever the error", "boot:do-fail port:undo-fail port:undo-unavailable port:undo-panic",
			"plan net:do port:do boot:do boot:undo port:undo port:undo port:undo port:undo net:undo settle-undone", work.Undone, "nothing", "no room for boot:do", ""},
		{"an undo may wait", "port:do-fail port:undo-wait*2",
			"plan net:do port:do port:undo port:undo port:undo net:undo settle-undone", work.Undone, "nothing", "no room for port:do", ""},
		{"what cannot be undone is parked", "boot:do-fail port:undo-fail*99",
			"plan net:do port:do boot:do boot:undo port:undo port:undo port:undo port:undo settle-parked", work.Parked, "c/net c/port", "no room for boot:do",
			`cannot undo "make port": no room for port:undo`},
		{"behind a final task a failure is tried again", "port:final boot:do-fail boot:do-fail-after boot:do-panic",
			"plan net:do port:do boot:do boot:do boot:do boot:do settle-done", work.Done, all, "", ""},
		{"and never turned round", "port:final boot:do-fail*99",
			"plan net:do port:do boot:do boot:do boot:do boot:do settle-parked", work.Parked, "c/net c/port", "",
			`cannot finish "make boot": no room for boot:do`},
		{"a final task that fails is undone as any other", "port:final port:do-fail-after",
			"plan net:do port:do port:undo net:undo settle-undone", work.Undone, "nothing", "port:do: failed after the effect", ""},
		{"a plan that fails ends undone", "plan-fail",
			"plan settle-undone", work.Undone, "nothing", "no room for plan", ""},
		{"a plan is tried again while unavailable", "plan-unavailable*2",
			"plan plan plan net:do port:do boot:do settle-done", work.Done, all, "", ""},
		{"a plan may wait", "plan-wait*2",
			"plan plan plan net:do port:do boot:do settle-done", work.Done, all, "", ""},
		{"settling is tried again whatever the error", "settle-done-fail settle-done-unavailable settle-done-panic",
			"plan net:do port:do boot:do settle-done settle-done settle-done settle-done", work.Done, all, "", ""},
		{"what cannot be settled is parked", "settle-done-fail*99",
			"plan net:do port:do boot:do settle-done settle-done settle-done settle-done", work.Parked, all, "",
			"cannot make the outcome (done) known: no room for settle-done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				s := newSite(c.setup, "net", "port", "boot")
				e := engine(t, d, s, options)
				start(t, e)
				submit(t, e, build("c", "tenant"))
				got := wait(t, e, "c")
				require.Equal(t, c.want, s.sentence())
				require.Equal(t, c.status, got.Status)
				require.Equal(t, c.left, s.left())
				require.Equal(t, c.err, got.Error)
				require.Equal(t, c.reason, got.Reason)
				require.False(t, s.overlap)
			})
		})
	}
}

func TestAChangeWithoutTasksIsDone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("")
		e := engine(t, d, s, options)
		start(t, e)
		submit(t, e, build("c", "tenant"))
		require.Equal(t, work.Done, wait(t, e, "c").Status)
		require.Equal(t, "plan settle-done", s.sentence())
	})
}

func TestATaskWithoutUndoIsPassedOver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("boot:do-fail", "net", "port", "boot")
		e := engine(t, d, s, options)
		e.Task("port", s.do, nil)
		start(t, e)
		submit(t, e, build("c", "tenant"))
		require.Equal(t, work.Undone, wait(t, e, "c").Status)
		require.Equal(t, "plan net:do port:do boot:do boot:undo net:undo settle-undone", s.sentence())
	})
}

func TestAPlanWithUnknownTasksEndsUndone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		e := engine(t, d, s, options)
		s.tasks = append(s.tasks, "unheard-of")
		start(t, e)
		submit(t, e, build("c", "tenant"))
		require.Equal(t, work.Undone, wait(t, e, "c").Status)
		require.Equal(t, "plan settle-undone", s.sentence())
	})
}

func TestAnUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		e := engine(t, d, newSite(""), options)
		require.ErrorContains(t, e.Submit(t.Context(), work.Change{ID: "c", Lane: "l", Kind: "strange"}), `nothing handles kind "strange"`)
		require.Error(t, e.Submit(t.Context(), work.Change{ID: "c", Kind: "build"}))
		require.Error(t, e.Submit(t.Context(), work.Change{Lane: "l", Kind: "build"}))
	})
}
