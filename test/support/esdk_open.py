"""Opens a message with the AWS Encryption SDK for Python and writes the plaintext to standard output.

Standard input is JSON: paths of the message and of the raw AES-256 wrapping key, the key's namespace and name, and the
context that the message must carry. The key itself is in no argument and in no variable.
"""

import json
import sys

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
from aws_encryption_sdk import CommitmentPolicy

asked = json.load(sys.stdin)
with open(asked["keyPath"], "rb") as file:
    wrapping_key = file.read()
with open(asked["messagePath"], "rb") as file:
    message = file.read()

providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
keyring = providers.create_raw_aes_keyring(
    input=CreateRawAesKeyringInput(
        key_namespace=asked["namespace"],
        key_name=asked["keyName"],
        wrapping_key=wrapping_key,
        wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
    )
)
client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
plaintext, _ = client.decrypt(source=message, keyring=keyring, encryption_context=asked["context"])
sys.stdout.buffer.write(plaintext)
