package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

// object is a JSON object; the models of the Go package for Site Recovery are not to be had here.
type object = map[string]any

// item is what the loop reads of a replicated item.
type item struct {
	ID         string
	Name       string
	Properties struct {
		FriendlyName            string
		ProtectionState         string
		ActiveLocation          string
		PolicyID                string
		ProviderSpecificDetails struct {
			FabricObjectID               string
			RecoveryFabricObjectID       string
			RecoveryAzureResourceGroupID string
			RecoveryFabricLocation       string
			VMProtectionState            string
		}
	}
}

// job is what it reads of a job.
type job struct {
	ID         string
	Properties struct {
		State         string
		Tasks         []object
		CustomDetails struct{ NewReplicationProtectedItemID string }
	}
}

// loop takes the first item there and reverses it; the failover of the second one fails.
func (a *azure) loop(ctx context.Context) error {
	if err := a.simulate("behaviour", object{"retryAfterSeconds": 1}); err != nil {
		return err
	}
	var items struct{ Value []item }
	if err := a.get(ctx, vault+"/replicationProtectedItems", siteRecovery, &items); err != nil {
		return err
	}
	if len(items.Value) != 2 {
		return fmt.Errorf("the vault has %d items", len(items.Value))
	}
	id := items.Value[0].ID
	if _, err := a.run(ctx, "failover", id+"/unplannedFailover", failover(), byOperationStatus); err != nil {
		return err
	}
	if err := a.expect(ctx, id, "UnplannedFailoverCommitPendingStatesBegin"); err != nil {
		return err
	}
	if _, err := a.run(ctx, "commit", id+"/failoverCommit", nil, byLocation); err != nil {
		return err
	}
	if err := a.expect(ctx, id, "UnplannedFailoverCommitted"); err != nil {
		return err
	}
	if err := a.reprotect(ctx, id); err != nil {
		return err
	}
	if err := a.failing(ctx, items.Value[1].ID); err != nil {
		return err
	}
	return a.lost(ctx, items.Value[1].ID)
}

func failover() object {
	return object{"properties": object{
		"failoverDirection":       "PrimaryToRecovery",
		"sourceSiteOperations":    "Required",
		"providerSpecificDetails": object{"instanceType": "A2A"},
	}}
}

// follow is the header by which the poller follows an operation.
type follow string

const (
	byOperationStatus follow = "Azure-AsyncOperation"
	byLocation        follow = "Location"
)

// run begins an operation, sees it run, lets service time pass and waits for its end; the job is the result.
func (a *azure) run(ctx context.Context, what, id string, body any, by follow) (job, error) {
	poller, err := a.begin(ctx, id, body, by)
	if err != nil {
		return job{}, fmt.Errorf("%s: %w", what, err)
	}
	if _, err := poller.Poll(ctx); err != nil {
		return job{}, fmt.Errorf("%s, first poll: %w", what, err)
	}
	if poller.Done() {
		return job{}, fmt.Errorf("%s is done before time has passed", what)
	}
	if err := a.simulate("clock", object{"advanceSeconds": 600}); err != nil {
		return job{}, err
	}
	result, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Second})
	if err != nil {
		return job{}, fmt.Errorf("%s: %w", what, err)
	}
	fmt.Printf("%s by %s: %s, %d tasks\n", what, by, result.Properties.State, len(result.Properties.Tasks))
	if result.Properties.State != "Succeeded" || len(result.Properties.Tasks) == 0 {
		return job{}, fmt.Errorf("%s: its Location answers %+v", what, result)
	}
	return result, nil
}

// begin sends the POST. The poller prefers Azure-AsyncOperation; without that header it follows Location.
func (a *azure) begin(ctx context.Context, id string, body any, by follow) (*runtime.Poller[job], error) {
	response, err := a.send(ctx, http.MethodPost, id, siteRecovery, body)
	if err != nil {
		return nil, err
	}
	if by == byLocation {
		response.Header.Del(string(byOperationStatus))
	}
	return runtime.NewPoller[job](response, a.client.Pipeline(), nil)
}

func (a *azure) expect(ctx context.Context, id, state string) error {
	var found item
	if err := a.get(ctx, id, siteRecovery, &found); err != nil {
		return err
	}
	fmt.Printf("%s: %s, active: %s\n", found.Properties.FriendlyName, found.Properties.ProtectionState, found.Properties.ActiveLocation)
	if found.Properties.ProtectionState != state {
		return fmt.Errorf("%s is not in %s", id, state)
	}
	return nil
}

// reprotect reverses replication with the disks of the recovered machine; the item is Protected at its new place then.
func (a *azure) reprotect(ctx context.Context, id string) error {
	body, err := a.reversal(ctx, id)
	if err != nil {
		return err
	}
	container := strings.Split(id, "/replicationProtectedItems/")[0]
	done, err := a.run(ctx, "reprotect", container+"/switchprotection", body, byOperationStatus)
	if err != nil {
		return err
	}
	moved := done.Properties.CustomDetails.NewReplicationProtectedItemID
	if moved == "" || strings.HasPrefix(strings.ToLower(moved), strings.ToLower(container)) {
		return fmt.Errorf("the reprotected item is at %q", moved)
	}
	if err := a.simulate("clock", object{"advanceSeconds": 3600}); err != nil {
		return err
	}
	return a.expect(ctx, moved, "Protected")
}

func (a *azure) reversal(ctx context.Context, id string) (object, error) {
	var found item
	if err := a.get(ctx, id, siteRecovery, &found); err != nil {
		return nil, err
	}
	details := found.Properties.ProviderSpecificDetails
	type disk struct{ ManagedDisk struct{ ID string } }
	var machine struct {
		Properties struct {
			StorageProfile struct {
				OSDisk    disk
				DataDisks []disk
			}
		}
	}
	if err := a.get(ctx, details.RecoveryFabricObjectID, compute, &machine); err != nil {
		return nil, err
	}
	oldGroup := strings.Split(details.FabricObjectID, "/providers/")[0]
	cache := details.RecoveryAzureResourceGroupID + "/providers/Microsoft.Storage/storageAccounts/cache" + details.RecoveryFabricLocation
	storage := machine.Properties.StorageProfile
	disks := []object{}
	for _, attached := range append([]disk{storage.OSDisk}, storage.DataDisks...) {
		disks = append(disks, object{
			"diskId": attached.ManagedDisk.ID, "primaryStagingAzureStorageAccountId": cache, "recoveryResourceGroupId": oldGroup,
		})
	}
	return object{"properties": object{
		"replicationProtectedItemName": found.Name,
		"providerSpecificDetails": object{
			"instanceType": "A2A", "recoveryContainerId": strings.Split(id, "/replicationProtectedItems/")[0],
			"policyId": found.Properties.PolicyID, "recoveryResourceGroupId": oldGroup, "vmManagedDisks": disks,
		},
	}}, nil
}

// failing shows that a failed operation is an error with the service's code.
func (a *azure) failing(ctx context.Context, id string) error {
	if err := a.simulate("items", object{"name": "db01", "failNext": "capacity"}); err != nil {
		return err
	}
	_, err := a.run(ctx, "failover that fails", id+"/unplannedFailover", failover(), byOperationStatus)
	var failure *azcore.ResponseError
	if !errors.As(err, &failure) || failure.ErrorCode != "25080" {
		return fmt.Errorf("a failed failover is no error 25080 but: %w", err)
	}
	fmt.Printf("failover that fails: error %s\n", failure.ErrorCode)
	return nil
}

// lost shows how often the stock retries send a failover whose answer is lost behind a gateway's 504.
func (a *azure) lost(ctx context.Context, id string) error {
	fault := object{"operation": "unplannedFailover", "effect": "executeThenAnswer", "status": 504, "times": 0}
	if err := a.simulate("faults", fault); err != nil {
		return err
	}
	_, err := a.send(ctx, http.MethodPost, id+"/unplannedFailover", siteRecovery, failover())
	var failure *azcore.ResponseError
	if !errors.As(err, &failure) || failure.StatusCode != http.StatusGatewayTimeout {
		return fmt.Errorf("a lost answer is no 504 but: %w", err)
	}
	calls, err := a.ledger()
	if err != nil {
		return err
	}
	sent, accepted := 0, 0
	for _, call := range calls {
		if call.Operation == "unplannedFailover" && call.Status == http.StatusGatewayTimeout {
			sent++
			if call.Accepted {
				accepted++
			}
		}
	}
	fmt.Printf("504 after accepting: azcore sent the failover %d times\n", sent)
	if sent < 2 || accepted != 1 {
		return fmt.Errorf("of %d failovers %d were accepted", sent, accepted)
	}
	return nil
}
