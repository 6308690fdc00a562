package redact

import (
	"strings"
	"testing"
)

// TestLastWordKey: most keys of something are credentials; those of rows, objects, messages, pages and caches are none.
func TestLastWordKey(t *testing.T) {
	rules := New(Options{})
	for _, key := range strings.Fields(`applicationKey application_key DD-APPLICATION-KEY integration_key writeKey write_key aesKey aes256_key fernet_key tls_key webhook_key
		bot-key cryptoKey ssl.key jwtKey data_key DataKey wallet_key preshared_key pre_shared_key enc_key decrypt_key activationKey serial_key key_material aeskey writekey
		basic_auth basicAuth proxy_auth redis_auth REDIS_AUTH http-auth X-Auth requirepass masterauth psk wifi_psk mysqlpass ftppass userpw rootpw userpwd passport_no passportNo
		user[gate_key] tls.key x.1.aesKey device_code ConfirmationCode sms_code verify_code unlock_code authz cardVerificationValue`) {
		if !isHidden(rules, key) {
			t.Errorf("%s is shown", key)
		}
	}
	for _, key := range strings.Fields(`Key key keys keyword monkey hotkey PartitionKey partition_key SortKey hash_key rangeKey gsi1-sort-key primaryKey foreign_key uniqueKey object_key
		ObjectKey object.key s3Key s3_key s3-bucket.key copySourceKey cacheKey CACHE_KEY Idempotency-Key idempotencyKey x-idempotency-key ExclusiveStartKey LastEvaluatedKey nextKey
		MessageDeduplicationKey message.key event_key ParameterKey TagKey headerKey translationKey i18n_key publicKey routeKey sshPublicKey surrogate-key Sec-WebSocket-Key kmsKey
		keyId key_name KeyConditionExpression KeySchema sort_keys routingKey routing_key user_key project_key issueKey code status_code error.code zipCode countryCode promo_codes
		compass bypass bandpass d k p q basic_authority psks last_auth tag[key] Tags.member.1.Key h[1][key] object.key`) {
		if isHidden(rules, key) {
			t.Errorf("%s is hidden", key)
		}
	}
}

// TestAnswersAndSums: what is asked for once, and what is computed with a secret, in the words of AWS and others.
func TestAnswersAndSums(t *testing.T) {
	rules := New(Options{})
	for _, key := range strings.Fields(`challengeAnswer privateChallengeParameters ChallengeResponses UserCode user_code securityAnswer security_answer_2 hmac X-Shopify-Hmac-Sha256 hmacSHA512
		privkey server_privkey newpwd oldpass old_pwd NewPass X-Session CB-ACCESS-SIGN OK-ACCESS-SIGN API-Sign`) {
		if !isHidden(rules, key) {
			t.Errorf("%s is shown", key)
		}
	}
	for _, key := range strings.Fields(`answer answers challengeName publicChallengeParameters challengeMetadata securityQuestion userCodes user_codec hmacAlgorithm hmac_enabled sha256 privkeys_found goldpass
		newPassenger X-Session-Count xsessions sign signIn accessSigned api_signer design`) {
		if isHidden(rules, key) {
			t.Errorf("%s is hidden", key)
		}
	}
	in := `{"request":{"privateChallengeParameters":{"answer":"hunter2"},"publicChallengeParameters":{"captchaUrl":"u"},"challengeAnswer":"hunter2"},"answer":"x","ChallengeResponses":{"ANSWER":"hunter2"},"usercode":"hunter2"}`
	want := `{"request":{"privateChallengeParameters":{"answer":"****"},"publicChallengeParameters":{"captchaUrl":"u"},"challengeAnswer":"****"},"answer":"x","ChallengeResponses":{"ANSWER":"****"},"usercode":"****"}`
	if got := string(rules.Content([]byte(in), 0)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(rules.URL([]byte("https://h/auth?shop=a.myshopify.com&hmac=hunter2&timestamp=1"))); got != "https://h/auth?shop=a.myshopify.com&hmac=****&timestamp=1" {
		t.Errorf("got %s", got)
	}
}

// TestKeyOfNumbers: tables number their rows.
func TestKeyOfNumbers(t *testing.T) {
	rules := New(Options{})
	for in, want := range map[string]string{
		`{"shipment_key":20240101,"aes_key":"hunter2","b":{"tls_key":{"pem":"hunter2"}}}`: `{"shipment_key":20240101,"aes_key":"****","b":{"tls_key":{"pem":"****"}}}`,
		`shipment_key=17 aes_key=hunter2 tls_key: hunter2`:                                `shipment_key=17 aes_key=**** tls_key: ****`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestValuesThatLookDrawn: of keys that say little, those values are hidden that nobody would make up.
func TestValuesThatLookDrawn(t *testing.T) {
	rules := New(Options{})
	const drawn, hex, uuid, long = "SplxlOBeZQQYbYS6WxSbIA", "0f8a2c91d7e34b65a1c08e77f2d94b13", "7d1f5a3e-90c2-4b8e-a6d4-3f2b1c0e9a87", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	for _, secret := range []string{drawn, hex, uuid} {
		for _, in := range []string{
			`{"code":"@","state":"x"}`, `{"queryStringParameters":{"code":"@"}}`, `{"routing_key":"@","event_action":"trigger"}`, `{"userKey":"@"}`,
			"code=@ state=x", "'code': '@'", "--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n@\r\n--b--\r\n",
		} {
			if got := string(rules.Content([]byte(strings.ReplaceAll(in, "@", secret)), 0)); strings.Contains(got, secret[:6]) {
				t.Errorf("%s", got)
			}
		}
		for _, in := range []string{"grant_type=authorization_code&code=@&client_id=x", "code=4%2F@"} {
			if got := string(rules.Form([]byte(strings.ReplaceAll(in, "@", secret)), 0)); strings.Contains(got, secret[:6]) {
				t.Errorf("%s", got)
			}
		}
		if got := string(rules.URL([]byte("https://h/cb?code=" + secret + "&state=1"))); strings.Contains(got, secret[:6]) {
			t.Errorf("%s", got)
		}
	}
	for _, in := range []string{`{"kty":"oct","k":"@"}`, `{"d":"@","kty":"RSA"}`, `{"p":"@","q":"@","dp":"@","dq":"@","qi":"@"}`, "{'kty': 'oct', 'k': '@'}", `{"code":"` + strings.Repeat("aB3d", 1000) + `@"}`, "x code: " + strings.Repeat("aB3d", 1000) + "@ y"} {
		if got := string(rules.Content([]byte(strings.ReplaceAll(in, "@", long)), 0)); strings.Contains(got, long[:6]) || strings.Contains(got, "aB3d") {
			t.Errorf("%s", got)
		}
	}
	for _, shown := range []string{
		"InvalidParameterValueException", "XAmzContentSHA256Mismatch", "ERR_HTTP2_STREAM_ERROR", "P2002", "23505", "SKU-2024-0001-BLUE", "orders.created.eu-west-1", "GB", "123456", "2024-01-02T03:04:05Z",
		"a/b/c2.jpg", "https://h/1", "errors.validation.field-2.required", "two words 1a2b3c4d5e",
	} {
		for _, in := range []string{`{"code":"@","routingKey":"@","k":"@","d":"@"}`, "code=@, routing_key: '@'"} {
			in = strings.ReplaceAll(in, "@", shown)
			if got := string(rules.Content([]byte(in), 0)); got != in {
				t.Errorf("got  %s\nwant %s", got, in)
			}
		}
	}
}

// TestOrdinaryKeysInDocuments: what DynamoDB, S3, Kinesis, SQS and paging write.
func TestOrdinaryKeysInDocuments(t *testing.T) {
	rules := New(Options{})
	for _, in := range []string{
		`{"TableName":"orders","Key":{"pk":{"S":"ORDER#1"},"sk":{"S":"A"}},"KeyConditionExpression":"pk = :p","ExclusiveStartKey":{"pk":{"S":"x"}},"LastEvaluatedKey":{"pk":{"S":"y"}}}`,
		`{"Records":[{"s3":{"bucket":{"name":"b"},"object":{"key":"in/a+b.csv","size":1}}},{"kinesis":{"partitionKey":"customer-7","sequenceNumber":"49"}}]}`,
		`{"Entries":[{"PartitionKey":"p","ExplicitHashKey":"1"}],"StreamKeys":["a"],"cacheKey":"user:7","idempotency_key":"7d1f5a3e-90c2-4b8e-a6d4-3f2b1c0e9a87"}`,
		`{"Tags":[{"Key":"team","Value":"shop"}],"Parameters":[{"ParameterKey":"Size","ParameterValue":"small"}],"routingKey":"orders.created"}`,
		`{"error":{"code":"ResourceNotFoundException","message":"no key: s3 key missing"},"id":"orders","value":"red","content":"text","val":1}`,
	} {
		if got := string(rules.Content([]byte(in), 0)); got != in {
			t.Errorf("got  %s\nwant %s", got, in)
		}
	}
}

// TestKeysThatHideTheirWords: letters of another width, characters that nobody sees, a secret word far before the end.
func TestKeysThatHideTheirWords(t *testing.T) {
	rules := New(Options{})
	for _, key := range []string{"ｐassword", "ＡＰＩ＿ＫＥＹ", "pass\u00adword", "api\u200bkey", "password_" + strings.Repeat("x_", 300), strings.Repeat("x_", 300) + "token_" + strings.Repeat("y_", 300), strings.Repeat("x_", 300) + "db_pass"} {
		if !isHidden(rules, key) {
			t.Errorf("%q is shown", key)
		}
	}
	for _, key := range []string{"größe", "パスワード長", strings.Repeat("x_", 300), "pass_" + strings.Repeat("x_", 300)} {
		if isHidden(rules, key) {
			t.Errorf("%q is hidden", key)
		}
	}
}

func TestPCIWords(t *testing.T) {
	rules, usual := New(Options{Preset: PCI}), New(Options{})
	for _, key := range strings.Fields("expiry csc verificationValue verification_value holderName holder account_holder accountHolderName dpan fpan cryptogram primaryAccount") {
		if !isHidden(rules, key) {
			t.Errorf("%s is shown", key)
		}
		if isHidden(usual, key) {
			t.Errorf("%s is hidden by default", key)
		}
	}
}

func isHidden(rules *Rules, key string) bool {
	_, hidden, _ := rules.Name(key)
	return hidden
}
