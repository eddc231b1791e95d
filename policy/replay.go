package policy

import (
	"context"
	"io"
)

// Impact is what another policy would have decided otherwise.
type Impact struct {
	// Replayed is how many recorded decisions were decided anew.
	Replayed int `json:"replayed"`
	// Skipped are those that cannot be: refused for a reason that is no
	// rule's, such as a suspended key.
	Skipped int `json:"skipped"`
	// Changed are the decisions that would change, each once, at most
	// [MaxChanged]; Changes counts them all, and how often they occurred.
	Changed []ChangedDecision `json:"changed"`
	Changes int               `json:"changes"`
	// Masked reports that the log hides ids: rules that name single ids were
	// not met.
	Masked bool `json:"masked,omitempty"`
}

// ChangedDecision is one question and the two answers to it.
type ChangedDecision struct {
	Record Record   `json:"record"`
	Now    Decision `json:"now"`
	// Count is how often it is in the log.
	Count int `json:"count"`
}

// MaxChanged bounds the list of changed decisions.
const MaxChanged = 1000

// Replay decides the questions of a decision log anew and tells which answers
// would change.
func (e *Engine) Replay(ctx context.Context, log io.Reader) (Impact, error) {
	impact := Impact{Changed: []ChangedDecision{}}
	places := map[string]int{}
	err := ReadRecords(log, func(r Record) error {
		switch r.Reason {
		case ReasonAllowed, ReasonExplicitDeny, ReasonNoMatchingRule, ReasonBoundary:
		default:
			impact.Skipped++
			return nil
		}
		d, err := e.Decide(ctx, r.Question())
		if err != nil {
			return err
		}
		impact.Replayed++
		impact.Masked = impact.Masked || r.Masked
		if d.Allowed == r.Allowed {
			return nil
		}
		impact.Changes++
		key := rowKey(append([]string{r.Organization, r.Subject, r.Object, r.Action, d.Reason}, r.Roles...))
		if i, ok := places[key]; ok {
			impact.Changed[i].Count++
			return nil
		}
		if len(impact.Changed) < MaxChanged {
			places[key] = len(impact.Changed)
			impact.Changed = append(impact.Changed, ChangedDecision{r, d, 1})
		}
		return nil
	})
	return impact, err
}
