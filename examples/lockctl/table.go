package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/spf13/cobra"

	"example.com/holdfast/dynamo"
)

func (a *app) tableCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Create, show or delete the lock table",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usagef("want create, ensure, show or delete")
		},
	}
	cmd.AddCommand(a.tableCreate(), a.tableEnsure(), a.tableShow(), a.tableDelete())
	return cmd
}

// done is what came of a change to the table, for programs.
type done struct {
	Table string `json:"table"`
	Done  string `json:"done"`
}

func (a *app) done(what, text string) error {
	return a.print(done{a.table, what}, func() { fmt.Fprintln(a.out, text) })
}

func (a *app) tableCreate() *cobra.Command {
	var o dynamo.TableOptions
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a table with provisioned capacity",
		Long:  "Create the lock table with provisioned capacity. It can be used some seconds later. A table that is there already is an error.\n\nMost want lockctl table ensure instead.",
		Args:  names(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				if err := l.CreateTable(ctx, func(t *dynamo.TableOptions) { *t = o }); err != nil {
					return err
				}
				return a.done("ordered", fmt.Sprintf("table %q is being created", a.table))
			})
		},
	}
	cmd.Flags().Int64Var(&o.ReadUnits, "read-units", 1, "provisioned read `units`")
	cmd.Flags().Int64Var(&o.WriteUnits, "write-units", 1, "provisioned write `units`")
	return cmd
}

func (a *app) tableEnsure() *cobra.Command {
	return &cobra.Command{
		Use:   "ensure",
		Short: "Make sure that the table is there and fit for locks",
		Long:  "Create the lock table if it is missing, on demand, wait until it is active, let DynamoDB delete items that nobody has used for 7 days, and check its key and replication. It changes nothing on a table that is ready.",
		Args:  names(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				if err := l.EnsureTable(ctx); err != nil {
					return err
				}
				return a.done("ready", fmt.Sprintf("table %q is ready", a.table))
			})
		},
	}
}

func (a *app) tableDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete the table with all its locks",
		Long:  "Delete the lock table with all that is in it. Who holds a lock loses it. It asks before, unless --yes is given.",
		Args:  names(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				if err := a.confirm(fmt.Sprintf("Table %q and all that is in it will be deleted; holders lose their locks. Delete it", a.table), a.table, "give --yes"); err != nil {
					return err
				}
			}
			return a.with(cmd.Context(), func(ctx context.Context, l *dynamo.Locker) error {
				err := l.DeleteTable(ctx)
				if errors.As(err, new(*types.ResourceNotFoundException)) {
					return fmt.Errorf("there is no table %q to delete", a.table) // to create one is no help
				} else if err != nil {
					return err
				}
				return a.done("deleted", fmt.Sprintf("table %q is being deleted", a.table))
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

// shownTable is a table for programs.
type shownTable struct {
	Table   string   `json:"table"`
	ARN     string   `json:"arn"`
	Status  string   `json:"status"`
	Key     string   `json:"key"`
	Billing string   `json:"billing"`
	Purge   string   `json:"time_to_live"` // attribute and status
	Items   int64    `json:"items"`        // of some hours ago
	Bytes   int64    `json:"bytes"`        // of some hours ago
	Global  bool     `json:"global"`
	Wrong   []string `json:"wrong"` // what keeps it from holding locks well
}

func (a *app) tableShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the table's settings and what is wrong with them",
		Args:  names(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), lookTime)
			defer cancel()
			t, err := a.look(ctx)
			if err != nil {
				return err
			}
			return a.print(t, func() { a.writeShown(t) })
		},
	}
}

// look asks DynamoDB for the table's settings.
func (a *app) look(ctx context.Context) (shownTable, error) {
	client, err := a.client(ctx)
	if err != nil {
		return shownTable{}, err
	}
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(a.table)})
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return shownTable{}, fmt.Errorf("table %q does not exist: %w", a.table, missing)
	} else if err != nil {
		return shownTable{}, err
	}
	live, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(a.table)})
	if err != nil {
		return shownTable{}, err
	}
	return judge(out.Table, live.TimeToLiveDescription), nil
}

// judge describes a table and lists what is wrong with it.
func judge(d *types.TableDescription, live *types.TimeToLiveDescription) shownTable {
	t := shownTable{
		Table: aws.ToString(d.TableName), ARN: aws.ToString(d.TableArn), Status: string(d.TableStatus), Purge: "off", Billing: string(types.BillingModeProvisioned),
		Items: aws.ToInt64(d.ItemCount), Bytes: aws.ToInt64(d.TableSizeBytes), Global: len(d.Replicas) > 0, Wrong: []string{},
	}
	var keys []string
	for _, k := range d.KeySchema {
		for _, def := range d.AttributeDefinitions {
			if aws.ToString(def.AttributeName) == aws.ToString(k.AttributeName) {
				keys = append(keys, fmt.Sprintf("%s %s (%s)", k.KeyType, aws.ToString(k.AttributeName), def.AttributeType))
			}
		}
	}
	t.Key = strings.Join(keys, ", ")
	if d.BillingModeSummary != nil {
		t.Billing = string(d.BillingModeSummary.BillingMode)
	}
	if live != nil && live.AttributeName != nil {
		t.Purge = fmt.Sprintf("%s, %s", aws.ToString(live.AttributeName), live.TimeToLiveStatus)
	}
	wrong := func(is bool, what string) {
		if is {
			t.Wrong = append(t.Wrong, what)
		}
	}
	wrong(t.Key != "HASH name (S)", "the key is not the hash key name (S) alone: name another table")
	wrong(t.Global && d.MultiRegionConsistency != types.MultiRegionConsistencyStrong, "it is a global table with eventual consistency: two regions can hold one lock")
	wrong(live != nil && live.AttributeName != nil && aws.ToString(live.AttributeName) != "purgeAt", "time to live is on another attribute than purgeAt: turn it off, then lockctl table ensure")
	wrong(t.Purge == "off" && !t.Global, "time to live is off, so items of names that nobody uses stay: lockctl table ensure turns it on")
	return t
}

func (a *app) writeShown(t shownTable) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "table:\t%s\narn:\t%s\nstatus:\t%s\nkey:\t%s\nbilling:\t%s\ntime to live:\t%s\n", t.Table, t.ARN, t.Status, t.Key, t.Billing, t.Purge)
	fmt.Fprintf(w, "items:\t%d, %d bytes, as counted within the last 6 hours\n", t.Items, t.Bytes)
	for _, what := range t.Wrong {
		fmt.Fprintf(w, "wrong:\t%s\n", what)
	}
}
