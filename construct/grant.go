package construct

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"
)

// The two calls that the extension makes for headers. CDK's GrantRead allows others beside them.
const (
	secretAction    = "secretsmanager:GetSecretValue"
	parameterAction = "ssm:GetParameter"
	decryptAction   = "kms:Decrypt"
)

// grantSecret lets a role read a secret, and no more than read it; nil is a role that nothing is known of.
func grantSecret(secret awssecretsmanager.ISecret, to awsiam.IGrantable) (missing []awsiam.PolicyStatement) {
	read, key := allow(arnInPolicies(secret), secretAction), secret.EncryptionKey()
	if to == nil {
		missing = append(missing, read)
		if key != nil {
			missing = append(missing, allow(key.KeyArn(), decryptAction))
		}
		return missing
	}
	principal := principalOf(to)
	if _, ours := secret.(awssecretsmanager.Secret); ours && !sameAccount(secret, principal) { // whose own policy has to allow it too, which the CDK sees to
		return failed(secret.GrantRead(to, nil))
	}
	missing = addTo(to, read)
	if key == nil {
		return missing
	}
	service := "secretsmanager." + *secret.Env().Region + ".amazonaws.com" // which the extension asks: that of the ARN
	if _, ours := key.(awskms.Key); ours {                                 // whose own policy allows it, as the CDK writes it
		return append(missing, failed(key.GrantDecrypt(awskms.NewViaServicePrincipal(&service, principal)))...)
	}
	decrypt := allow(key.KeyArn(), decryptAction) // what the policy of a key of others says is theirs; the CDK writes nothing
	decrypt.AddCondition(jsii.String("StringEquals"), map[string]any{"kms:ViaService": service})
	return append(missing, addTo(to, decrypt)...)
}

// readable finds a secret that the function's role cannot be let to read: another account's role needs a key of the user's, because nobody but its own account may use the
// one that Secrets Manager has by itself (docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html). The CDK finds it when all else is done.
func (t *target) readable(exporters []Exporter) error {
	for _, e := range exporters {
		to, is := e.(*otlp)
		if !is || to.props.HeadersFromSecret == nil {
			continue
		}
		secret := to.props.HeadersFromSecret
		account, known := t.seen.keyless[e]
		if !known {
			if _, ours := secret.(awssecretsmanager.Secret); ours && secret.EncryptionKey() == nil {
				account = *secret.Env().Account
			}
			t.seen.keyless[e] = account
		}
		if account == "" || isToken(account) || t.ofRole() == nil {
			continue
		}
		if theirs := deref(principalOf(t.role).PrincipalAccount()); theirs != "" && !isToken(theirs) && theirs != account {
			return fmt.Errorf("property Afterglow.Exporters: HeadersFromSecret: %s is in account %s and has no key of its own, and the function's role is in account %s, "+
				"which needs one to read it; give the secret an EncryptionKey (awskms.NewKey), or use a secret of the function's account", *secret.Node().Path(), account, theirs)
		}
	}
	return nil
}

// arnInPolicies is a secret's ARN, with a pattern for the six characters that Secrets Manager puts behind a name, where they are not known:
// docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html.
func arnInPolicies(secret awssecretsmanager.ISecret) *string {
	if full := secret.SecretFullArn(); full != nil {
		return full
	}
	return jsii.String(*secret.SecretArn() + "-??????")
}

// sameAccount tells whether a role is in a secret's account, as far as the CDK can know.
func sameAccount(secret awssecretsmanager.ISecret, principal awsiam.IPrincipal) bool {
	account := principal.PrincipalAccount()
	if account == nil {
		return false
	}
	theirs := *secret.Env().Account
	return *account == theirs || isToken(*account) && isToken(theirs)
}

// secureString is the type of parameters that are encrypted.
const secureString = "SecureString"

// grantParameter lets a role read a parameter, and no more than read it; nil is a role that nothing is known of.
func grantParameter(parameter awsssm.IStringParameter, to awsiam.IGrantable) (missing []awsiam.PolicyStatement) {
	read := allow(parameter.ParameterArn(), parameterAction)
	switch {
	case to == nil:
		return []awsiam.PolicyStatement{read}
	case text(parameter.ParameterType()) == secureString:
		// It may be encrypted by a key of the user's, which has to be allowed too, and which a parameter tells nobody but its own GrantRead.
		return failed(parameter.GrantRead(to))
	}
	return addTo(to, read)
}

func allow(resource *string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &[]*string{resource}})
}

// addTo adds a statement to a role's policies, and gives it back if that cannot be done.
func addTo(to awsiam.IGrantable, statement awsiam.PolicyStatement) (missing []awsiam.PolicyStatement) {
	if *principalOf(to).AddToPrincipalPolicy(statement).StatementAdded {
		return nil
	}
	return []awsiam.PolicyStatement{statement}
}

func principalOf(to awsiam.IGrantable) awsiam.IPrincipal {
	if principal, is := to.(awsiam.IPrincipal); is { // a role is its own
		return principal
	}
	return to.GrantPrincipal()
}

// failed gives the statements of a grant that could not be added.
func failed(grant awsiam.Grant) (missing []awsiam.PolicyStatement) {
	if *grant.Success() {
		return nil
	}
	return *grant.PrincipalStatements()
}
