package redact

import "strings"

// secretWords are hidden wherever they stand in a key. Below privateChallengeParameters and ChallengeResponses, Cognito has answers under any name.
const secretWords = `
	password passwords passwd passphrase passphrases passcode passwort pwd pswd psw pw userpass dbpass keypass storepass
	secret secrets secretvalue token credential credentials cred creds authorization bearer jwt
	apikey apikeys accesskey accesskeys secretkey secretkeys privatekey privatekeys encryptionkey decryptionkey signingkey authkey masterkey
	sharedkey accountkey subscriptionkey licensekey sshkey sessionkey storagekey servicekey clientkey consumerkey customerkey hmackey
	functionskey deploykey rsakey dsakey pgpkey appkey
	accesstoken authtoken refreshtoken sessiontoken securitytoken idtoken
	cookie cookies setcookie sessionid sessid phpsessid jsessionid
	signature signatures csrf xsrf otp totp mfacode onetimecode verificationcode pin pincode codeverifier
	mnemonic seedphrase recoveryphrase recoverycode recoverycodes backupcode backupcodes authcode oauthverifier
	samlresponse samlassertion clientassertion connectionstring connstr
	psk presharedkey wpapsk keymaterial requirepass masterauth
	challengeanswer securityanswer securityanswers privatechallengeparameters challengeresponses
	devicecode confirmationcode smscode verifycode unlockcode resetcode activationcode accesscode logincode twofactorcode
	cardnumber cardnumbers cardno cardnum ccnumber ccnum creditcard creditcards debitcard pan primaryaccountnumber
	cvv cvc cvn securitycode cardverificationvalue cardverificationcode trackdata track1 track2
	ssn socialsecurity socialsecuritynumber passportnumber passportno passportnum nationalid taxid iban bankaccountnumber`

// lastWords are hidden where they end a key: "db_pass" is one, "pass_rate" is not.
const lastWords = `
	pass newpass oldpass newpwd oldpwd sig hmac hmacsha accesssign apisign usercode privkey basicauth proxyauth httpauth smtpauth redisauth dbauth xauth xsession
	writekey integrationkey aeskey tlskey sslkey webhookkey enckey datakey walletkey fernetkey cryptokey jwtkey botkey applicationkey activationkey serialkey`

// loneWords are hidden where they are the whole key: in "auth" Docker keeps user and password as base64, "sid" and "session" are ids of sessions, "sessions" and
// "session_length" are not.
const loneWords = `auth authz sid session`

// longWords are hidden within a word as well: no other word holds them.
const longWords = `password passwd passphrase apikey secretkey accesskey privatekey accesstoken authtoken refreshtoken sessiontoken creditcard cardnumber`

// endWords are hidden at the end of a word: no other word ends in them.
const endWords = `secret secrets token dbpass storepass sqlpass ftppass smtppass sshpass rootpass adminpass vaultpass loginpass userpass userpw rootpw adminpw userpwd rootpwd adminpwd dbpwd`

// drawnWords are whole keys of which those values are hidden that look drawn at random: OAuth's code is one, and so are those that Cognito sends in links. One of an
// error, a country or a product does not look so; six digits do not either.
const drawnWords = `code`

// webKeyWords are the private members of JSON Web Keys (RFC 7518, 6.2.2, 6.3.2 and 6.4.1), and too short to say more than that.
const webKeyWords = `k d p q dp dq qi`

// keysOfData stand before a last word "key" that is no secret: keys of rows, objects, messages, pages, caches, texts and keyboards, and those that are public.
const keysOfData = `
	primary foreign partition sort hash range composite compound candidate unique natural surrogate business alternate clustering cluster
	index row column shard lookup join group sequence record document entity item object parent child node tree cache s3 bucket file blob folder directory path
	prefix image photo picture avatar video audio media asset upload download attachment thumbnail source src destination dest target input output result
	message event topic idempotency deduplication dedup dedupe correlation ordering order concurrency lock binding job task request response
	start last evaluated next previous prev end first min max page cursor from to search query id value date region country city
	tag label parameter param header field attribute property setting config configuration meta metadata preference option variable metric dimension feature flag experiment
	variant translation i18n locale language text string title error reason status state type category template theme component widget enum map dict dictionary json
	env context resource issue ticket epic name hot shortcut arrow enter modifier alt ctrl shift public pub kms verifying publishable site websocket route`

// pairedNames and pairedValues are keys of members that say what a value is, and of those values: of options, settings, rows of a table.
const (
	pairedNames = `optionname optionkey settingname settingkey propertyname propertykey configname configkey envname envkey varname variablename columnname
	metaname metakey`
	pairedValues = `optionvalue settingvalue propertyvalue configvalue envvalue varvalue variablevalue columnvalue metavalue
	newvalue oldvalue currentvalue defaultvalue`
)

// keysOfEither stand before a last word "key" whose values are hidden that look drawn at random: a routing key is a credential at PagerDuty and the name of a route
// in AMQP, a project key one at many and four letters in Jira.
const keysOfEither = `routing user product tenant project team space store member`

// shownKeys hold a secret word and no secret.
const shownKeys = `
	tokentype tokenuse tokencount tokenexpiry tokenexpiresin tokenexpiration signatureversion signaturemethod signaturealgorithm
	secretarn secretid secretname passwordpolicy passwordresetrequired xamzsignedheaders`

// cardWords are hidden where payments are protected: the data of cardholders and what authenticates them, in the words of PCI DSS.
const cardWords = `
	cardholder cardholdername cardname nameoncard expirydate expirationdate expdate expmonth expyear expirymonth expiryyear expirationmonth expirationyear
	cardexpiry cardexpiration validthru servicecode pinblock magstripe magneticstripe emvdata card accountnumber routingnumber sortcode bic cav cid cavv
	track trackone tracktwo cardtoken
	expiry csc verificationvalue verificationnumber holder holdername accountholder accountholdername primaryaccount dpan fpan emv cryptogram paymentdata`

// hasWord tells whether a list of words has one.
func hasWord(list, word string) bool {
	for from := 0; ; {
		at := strings.Index(list[from:], word)
		if at < 0 {
			return false
		}
		at += from
		from = at + len(word)
		if (at == 0 || list[at-1] <= ' ') && (from == len(list) || list[from] <= ' ') {
			return true
		}
	}
}
