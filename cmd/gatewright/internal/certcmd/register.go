package certcmd

import (
	"errors"
	"flag"

	"github.com/gatewright/gatewright/authz/admin"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/command"
	"github.com/gatewright/gatewright/cmd/gatewright/internal/keyscmd"
	"github.com/gatewright/gatewright/mtls"
	"github.com/gatewright/gatewright/storage"
)

// registration says for which client a certificate is to be registered.
type registration struct {
	client string
	at     keyscmd.Flags
}

func (r *registration) register(set *flag.FlagSet) {
	set.StringVar(&r.client, "client", "", "register the certificate for this client `id`")
	r.at.Register(set)
}

func (r *registration) do(c *command.Call, data []byte, rules mtls.Rules) (err error) {
	service, closeAll, err := r.at.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	_, err = service.ImportCertificate(c, r.at.Actor(), r.client, admin.Import{Data: data, Rules: rules})
	if errors.Is(err, admin.ErrExists) || errors.Is(err, storage.ErrExists) {
		return command.Findings("refused: the public key belongs to another client")
	}
	return err
}
