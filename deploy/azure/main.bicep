// One tenant's identity for asr-operator: a user-assigned identity, the federated credential of the tenant's ServiceAccount, the
// custom role of that name, and its assignment where the identity acts. Deployed twice, with role=read and role=call and a name
// each, it makes the identity and the actIdentity of a RecoveryVault.
//   az deployment sub create --location westeurope --template-file deploy/azure/main.bicep --parameters \
//     issuer=https://ISSUER-OF-THE-CLUSTER/ namespace=demo serviceAccount=asr identityGroup=rg-dr groups='["rg-dr","rg-app","rg-app-dr"]'
targetScope = 'subscription'

@description('Issuer of the cluster\'s ServiceAccount tokens.')
param issuer string

@description('Namespace of the RecoveryVault.')
param namespace string

@description('ServiceAccount that the RecoveryVault names.')
param serviceAccount string

@description('observe: for a vault with readOnly. act: reads, and carries its requests out. read and call: the two halves of act, for identity and actIdentity.')
@allowed(['observe', 'act', 'read', 'call'])
param role string = 'act'

@description('Name of the identity.')
param identityName string = 'asr-operator-${namespace}'

@description('Resource group that the identity is made in.')
param identityGroup string

@description('Resource groups of the vault, the VMs and their copies: what the role is assigned on.')
param groups array

var definitions = {
  observe: loadJsonContent('observe.json')
  act: loadJsonContent('act.json')
  read: loadJsonContent('read.json')
  call: loadJsonContent('call.json')
}

resource definition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, definitions[role].Name)
  properties: {
    roleName: '${definitions[role].Name} ${subscription().subscriptionId}'
    description: definitions[role].Description
    type: 'CustomRole'
    permissions: [
      {
        actions: definitions[role].Actions
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

module identity 'identity.bicep' = {
  name: '${identityName}-identity'
  scope: resourceGroup(identityGroup)
  params: {
    name: identityName
    issuer: issuer
    subject: 'system:serviceaccount:${namespace}:${serviceAccount}'
  }
}

module assignments 'assignment.bicep' = [for group in groups: {
  name: '${identityName}-${group}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    roleDefinitionId: definition.id
  }
}]

@description('For spec.identity of the RecoveryVault, or for spec.actIdentity.')
output clientId string = identity.outputs.clientId
output tenantId string = subscription().tenantId
