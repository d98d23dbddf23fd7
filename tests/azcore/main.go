// Command azcore fails a virtual machine over, commits and reverses it with Microsoft's pipeline, pollers and credentials
// for Go, against the simulator.
//
// Microsoft's Go package for Site Recovery itself is not used: the bodies below are the ones that it would send. What is
// tested is what all of Microsoft's Go packages share: sign-in, retries, and how a long-running operation is followed.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	tenant   = "11111111-1111-1111-1111-111111111111"
	clientID = "22222222-2222-2222-2222-222222222222"
	secret   = "demo-only-client-secret"
	vault    = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-dr" +
		"/providers/Microsoft.RecoveryServices/vaults/vault-dr"
	siteRecovery = "2025-08-01"
	compute      = "2024-07-01"
)

// azure is the pipeline, signed in, and the hand behind the simulator.
type azure struct {
	arm     string
	client  *arm.Client
	control *http.Client
}

func main() {
	armURL := flag.String("arm", "", "URL of ARM")
	authority := flag.String("authority", "", "URL of Entra ID")
	ca := flag.String("ca", "", "file of the certificate authority")
	flag.Parse()
	azure, err := connect(*armURL, *authority, *ca)
	if err == nil {
		err = azure.loop(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func connect(armURL, authority, ca string) (*azure, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	transport := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	simulated := cloud.Configuration{
		ActiveDirectoryAuthorityHost: authority,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: armURL, Audience: "https://management.azure.com"},
		},
	}
	options := azcore.ClientOptions{Cloud: simulated, Transport: transport}
	credential, err := azidentity.NewClientSecretCredential(tenant, clientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	if err != nil {
		return nil, err
	}
	client, err := arm.NewClient("asr-operator.io/tests/azcore", "v0.0.0", credential,
		&arm.ClientOptions{ClientOptions: options, DisableRPRegistration: true})
	return &azure{arm: armURL, client: client, control: transport}, err
}

// send sends one request through the SDK's pipeline, with its retries.
func (a *azure) send(ctx context.Context, method, id, version string, body any) (*http.Response, error) {
	request, err := runtime.NewRequest(ctx, method, runtime.JoinPaths(a.arm, id))
	if err != nil {
		return nil, err
	}
	query := request.Raw().URL.Query()
	query.Set("api-version", version)
	request.Raw().URL.RawQuery = query.Encode()
	if body != nil {
		if err := runtime.MarshalAsJSON(request, body); err != nil {
			return nil, err
		}
	}
	response, err := a.client.Pipeline().Do(request)
	if err != nil {
		return nil, err
	}
	if !runtime.HasStatusCode(response, http.StatusOK, http.StatusAccepted) {
		return nil, runtime.NewResponseError(response)
	}
	return response, nil
}

func (a *azure) get(ctx context.Context, id, version string, into any) error {
	response, err := a.send(ctx, http.MethodGet, id, version, nil)
	if err != nil {
		return err
	}
	return runtime.UnmarshalAsJSON(response, into)
}

// simulate calls the control interface, which is no part of Azure and so needs no token.
func (a *azure) simulate(name string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := a.control.Post(a.arm+"/_sim/"+name, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/_sim/%s answers %s", name, response.Status)
	}
	return nil
}

// call is a line of the simulator's ledger.
type call struct {
	Operation string
	Status    int
	Accepted  bool
}

func (a *azure) ledger() ([]call, error) {
	response, err := a.control.Get(a.arm + "/_sim/ledger")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var calls []call
	return calls, json.NewDecoder(response.Body).Decode(&calls)
}
