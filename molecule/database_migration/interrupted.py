"""Goals in the old database, and in the new one what a copier leaves that was killed."""

import sys

from pymongo import MongoClient

from roles.database_migration.files.copier.copy_database import MARKER, Server
from tests.e2e.environment import aws

address, secret = sys.argv[1:]
old: Server = MongoClient(f"mongodb://{address}/?directConnection=true")
old["goals"]["goals"].insert_many([{"_id": number, "text": f"goal {number}"} for number in range(3)])
old["goals"]["goals"].create_index("text", unique=True)
new: Server = MongoClient(aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
new["goals"][MARKER].insert_one({"_id": 1})
new["goals"]["goals"].insert_one({"_id": 2, "text": "deleted since"})
