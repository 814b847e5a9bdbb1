"""boto3, unchanged, against `pgseal kms serve`: boto3_face.py URL ADMIN-CREDENTIALS APP-CREDENTIALS

Everything that is sealed or signed here is also opened or verified here; what needs the public key is verified by
another implementation (cryptography, where it is installed).
"""

import configparser
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL, ADMIN, APP = sys.argv[1:4]
APP_ARN = "arn:aws:iam::111122223333:role/app"


def client(file, **changes):
    read = configparser.ConfigParser(interpolation=None)
    read.read(file)
    own = dict(read["default"])
    return boto3.client(
        "kms",
        endpoint_url=URL,
        region_name=changes.get("region", own["region"]),
        aws_access_key_id=changes.get("id", own["aws_access_key_id"]),
        aws_secret_access_key=changes.get("secret", own["aws_secret_access_key"]),
        aws_session_token=changes.get("token"),
        config=Config(retries={"max_attempts": 1}),
    )


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        got = error.response["Error"]["Code"]
        assert got == code, f"{got} instead of {code}: {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} was not refused with {code}")


admin, app = client(ADMIN), client(APP)

# Who signs: another secret, an unknown key, a session token, another region.
refused("InvalidSignatureException", client(ADMIN, secret="x").list_keys)
refused("UnrecognizedClientException", client(ADMIN, id="AKIAXXXXXXXXXXXXXXXX").list_keys)
refused("UnrecognizedClientException", client(ADMIN, token="x").list_keys)
refused("InvalidSignatureException", client(ADMIN, region="eu-west-1").list_keys)

# Keys, aliases, tags.
key = admin.create_key(Description="tests", Tags=[{"TagKey": "env", "TagValue": "prod"}])["KeyMetadata"]
assert key["KeyState"] == "Enabled" and key["Arn"].endswith(":key/" + key["KeyId"])
admin.create_alias(AliasName="alias/app", TargetKeyId=key["KeyId"])
assert admin.describe_key(KeyId="alias/app")["KeyMetadata"]["Arn"] == key["Arn"]
assert admin.list_aliases()["Aliases"][0]["TargetKeyId"] == key["KeyId"]
assert admin.list_resource_tags(KeyId=key["KeyId"])["Tags"] == [{"TagKey": "env", "TagValue": "prod"}]
assert [one["KeyId"] for page in admin.get_paginator("list_keys").paginate() for one in page["Keys"]] == [key["KeyId"]]
refused("NotFoundException", admin.describe_key, KeyId="00000000-0000-4000-8000-000000000000")

# Sealing.
context = {"tenant": "a", "Table": "ü"}
sealed = admin.encrypt(KeyId="alias/app", Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
opened = admin.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
assert opened["Plaintext"] == b"secret" and opened["KeyId"] == key["Arn"]
assert refused("InvalidCiphertextException", admin.decrypt, CiphertextBlob=sealed) == ""
refused("InvalidCiphertextException", admin.decrypt, CiphertextBlob=sealed, EncryptionContext={"tenant": "a", "table": "ü"})
altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
refused("InvalidCiphertextException", admin.decrypt, CiphertextBlob=altered, EncryptionContext=context)
data = admin.generate_data_key(KeyId=key["Arn"], KeySpec="AES_256", EncryptionContext=context)
assert len(data["Plaintext"]) == 32
again = admin.re_encrypt(
    CiphertextBlob=data["CiphertextBlob"],
    SourceEncryptionContext=context,
    DestinationKeyId=key["KeyId"],
    DestinationEncryptionContext={"b": "2"},
)["CiphertextBlob"]
assert admin.decrypt(CiphertextBlob=again, EncryptionContext={"b": "2"})["Plaintext"] == data["Plaintext"]
assert len(admin.generate_random(NumberOfBytes=16)["Plaintext"]) == 16
refused("DryRunOperationException", admin.encrypt, KeyId="alias/app", Plaintext=b"x", DryRun=True)

# Rotation and states.
admin.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
assert admin.get_key_rotation_status(KeyId=key["KeyId"])["RotationPeriodInDays"] == 90
admin.rotate_key_on_demand(KeyId=key["KeyId"])
assert admin.list_key_rotations(KeyId=key["KeyId"])["Rotations"][0]["RotationType"] == "ON_DEMAND"
assert admin.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"secret"
admin.disable_key(KeyId=key["KeyId"])
refused("DisabledException", admin.decrypt, CiphertextBlob=sealed, EncryptionContext=context)
admin.enable_key(KeyId=key["KeyId"])
other = admin.create_key()["KeyMetadata"]["KeyId"]
assert admin.schedule_key_deletion(KeyId=other, PendingWindowInDays=7)["KeyState"] == "PendingDeletion"
refused("KMSInvalidStateException", admin.encrypt, KeyId=other, Plaintext=b"x")
admin.cancel_key_deletion(KeyId=other)

# Policies and grants are enforced.
assert "111122223333:root" in admin.get_key_policy(KeyId=key["KeyId"])["Policy"]
refused("AccessDeniedException", app.decrypt, CiphertextBlob=sealed, EncryptionContext=context)
grant = admin.create_grant(
    KeyId=key["KeyId"],
    GranteePrincipal=APP_ARN,
    Operations=["Decrypt"],
    Constraints={"EncryptionContextSubset": {"tenant": "a"}},
)
assert app.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"secret"
refused("AccessDeniedException", app.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=context)
assert admin.list_grants(KeyId=key["KeyId"])["Grants"][0]["GrantId"] == grant["GrantId"]
admin.revoke_grant(KeyId=key["KeyId"], GrantId=grant["GrantId"])
refused("AccessDeniedException", app.decrypt, CiphertextBlob=sealed, EncryptionContext=context)
refused("MalformedPolicyDocumentException", admin.put_key_policy, KeyId=key["KeyId"], PolicyName="default", Policy="{}")

# Signatures, tags, RSA.
try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding
except ImportError:
    serialization = None
for spec, algorithm in [
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512"),
]:
    signer = admin.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signature = admin.sign(KeyId=signer, Message=b"message", SigningAlgorithm=algorithm)["Signature"]
    assert admin.verify(KeyId=signer, Message=b"message", Signature=signature, SigningAlgorithm=algorithm)["SignatureValid"]
    refused("KMSInvalidSignatureException", admin.verify,
            KeyId=signer, Message=b"massage", Signature=signature, SigningAlgorithm=algorithm)
    if serialization:
        public = serialization.load_der_public_key(admin.get_public_key(KeyId=signer)["PublicKey"])
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[-3:]]
        if spec.startswith("ECC"):
            public.verify(signature, b"message", ec.ECDSA(digest))
        elif "PSS" in algorithm:
            public.verify(signature, b"message", padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        else:
            public.verify(signature, b"message", padding.PKCS1v15(), digest)
mac = admin.create_key(KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
tag = admin.generate_mac(KeyId=mac, Message=b"message", MacAlgorithm="HMAC_SHA_384")["Mac"]
assert admin.verify_mac(KeyId=mac, Message=b"message", MacAlgorithm="HMAC_SHA_384", Mac=tag)["MacValid"]
refused("KMSInvalidMacException", admin.verify_mac, KeyId=mac, Message=b"massage", MacAlgorithm="HMAC_SHA_384", Mac=tag)
refused("InvalidKeyUsageException", admin.encrypt, KeyId=mac, Plaintext=b"x")
rsa = admin.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
if serialization:
    public = serialization.load_der_public_key(admin.get_public_key(KeyId=rsa)["PublicKey"])
    blob = public.encrypt(b"x", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
else:
    blob = admin.encrypt(KeyId=rsa, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]
assert admin.decrypt(KeyId=rsa, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"x"

print("all as AWS")
