// Only the definitions of Flux's sources are taken from this module; nothing of it is built.
module asr-operator.io/tests/controlplane/flux/sources

go 1.26.0

require github.com/fluxcd/source-controller v1.9.6
