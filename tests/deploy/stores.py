"""Whether the network is closed, and the stores are what the application expects and hard to lose."""

from __future__ import annotations

from tests.deploy.templates import Stacks, resources, the

TABLES = {"users": ("user_id", "item"), "deliveries": ("order_id", "item")}
"""Partition and sort key by the table's name after the prefix."""
EXPIRING = {"users": "expires"}
LEAST_BACKUP_DAYS = 7


def tables(stacks: Stacks) -> dict[str, dict[str, object]]:
    """By the name after the prefix: what DynamoDB would say of the table that the template makes."""
    return {
        table["TableName"]["Fn::Sub"].removeprefix("${Shop}-"): {
            "keys": table["KeySchema"],
            "attributes": sorted(table["AttributeDefinitions"], key=lambda one: one["AttributeName"]),
            "expires": table.get("TimeToLiveSpecification", {}).get("AttributeName"),
        }
        for _, table in resources(stacks, "AWS::DynamoDB::Table")
    }


def the_tables_have_their_keys(stacks: Stacks) -> list[str]:
    found = tables(stacks)
    wanted = {
        name: {
            "keys": [
                {"AttributeName": partition, "KeyType": "HASH"},
                {"AttributeName": sort, "KeyType": "RANGE"},
            ],
            "attributes": [{"AttributeName": key, "AttributeType": "S"} for key in sorted((partition, sort))],
            "expires": EXPIRING.get(name),
        }
        for name, (partition, sort) in TABLES.items()
    }
    return [
        f"table {name} is {found.get(name)}, not {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def tables_are_hard_to_lose(stacks: Stacks) -> list[str]:
    found = []
    for where, table in resources(stacks, "AWS::DynamoDB::Table"):
        safe = {
            "on demand": table.get("BillingMode") == "PAY_PER_REQUEST",
            "restorable": table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
            is True,
            "encrypted by our key": table.get("SSESpecification", {}).get("SSEType") == "KMS",
            "protected from deletion": table.get("DeletionProtectionEnabled") is True,
        }
        found += [f"{where} is not {what}" for what, so in safe.items() if not so]
    return found


def aurora_is_hard_to_lose(stacks: Stacks) -> list[str]:
    cluster = the(stacks, "data.Database")
    parameters = stacks["data"]["Parameters"]
    instances = [one for _, one in resources(stacks, "AWS::RDS::DBInstance")]
    version = parameters["EngineVersion"]["Default"].split(".")[0]
    family = the(stacks, "data.DatabaseSettings")["Family"]
    safe = {
        "encrypted by our key": cluster.get("StorageEncrypted") is True and "KmsKeyId" in cluster,
        "protected from deletion": cluster.get("DeletionProtection") is True,
        "backed up a week at least": parameters["BackupDays"]["MinValue"] >= LEAST_BACKUP_DAYS
        and cluster["BackupRetentionPeriod"] == {"Ref": "BackupDays"},
        "writer and reader": len(instances) == 2,
        "serverless": all(one["DBInstanceClass"] == "db.serverless" for one in instances),
        "inside": not any(one.get("PubliclyAccessible", True) for one in instances),
        "with a password that RDS rotates": cluster.get("ManageMasterUserPassword") is True
        and "MasterUserPassword" not in cluster,
        "of the family of its settings": family == f"aurora-postgresql{version}",
        "always awake": parameters["MinCapacity"]["MinValue"] > 0,
    }
    return [f"Aurora is not {what}" for what, so in safe.items() if not so]


def aurora_speaks_tls_and_tasks_check_whom_to(stacks: Stacks) -> list[str]:
    found = []
    if the(stacks, "data.DatabaseSettings")["Parameters"].get("rds.force_ssl") != "1":
        found.append("Aurora takes connections without TLS")
    for name in ("DatabaseUrl", "DatabaseReaderUrl"):
        url = stacks["data"]["Outputs"][name]["Value"]["Fn::Sub"]
        if "sslmode=verify-full" not in url or "sslrootcert=/" not in url:
            found.append(f"{name} does not check whom it talks to")
        if url.split("@")[0] != "postgresql://${DatabaseUser}":
            found.append(f"{name} holds more than a user")
        # After a switchover the writer's name leads to a reader for a while.
        if ("target_session_attrs=read-write" in url) is not (name == "DatabaseUrl"):
            found.append(f"{name} doesn't ask for the right kind of server")
    return found


def secrets_are_encrypted_and_nowhere_in_the_template(stacks: Stacks) -> list[str]:
    found = []
    for where, secret in resources(stacks, "AWS::SecretsManager::Secret"):
        if secret.get("KmsKeyId") != {"Fn::GetAtt": ["Key", "Arn"]}:
            found.append(f"{where} is not encrypted by our key")
        if "SecretString" in secret:
            found.append(f"{where} stands in the template")
    if the(stacks, "data.Key").get("EnableKeyRotation") is not True:
        found.append("the key is not rotated")
    return found


def the_bucket_is_read_through_cloudfront_alone(stacks: Stacks) -> list[str]:
    found = []
    for where, bucket in resources(stacks, "AWS::S3::Bucket"):
        block = bucket.get("PublicAccessBlockConfiguration", {})
        if len(block) != 4 or not all(value is True for value in block.values()):
            found.append(f"{where} may become public")
    for where, policy in resources(stacks, "AWS::S3::BucketPolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow" and (
                statement["Principal"] != {"Service": "cloudfront.amazonaws.com"}
                or "aws:SourceArn" not in statement.get("Condition", {}).get("ArnLike", {})
            ):
                found.append(f"{where} lets in others than this account's distributions")
    return found


def nothing_is_reached_from_the_internet(stacks: Stacks) -> list[str]:
    found = []
    rules = [
        (where, rule)
        for where, group in resources(stacks, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", [])
    ] + list(resources(stacks, "AWS::EC2::SecurityGroupIngress"))
    for where, rule in rules:
        if "CidrIp" in rule or "CidrIpv6" in rule:
            found.append(f"{where} lets in addresses, not a group")
    for where, group in resources(stacks, "AWS::EC2::SecurityGroup"):
        if not group.get("SecurityGroupEgress"):
            found.append(f"{where} may talk to everybody, which is the default")
    found += [
        f"{where} faces the internet"
        for where, balancer in resources(stacks, "AWS::ElasticLoadBalancingV2::LoadBalancer")
        if balancer.get("Scheme") != "internal"
    ]
    return found


def each_zone_stands_by_itself(stacks: Stacks) -> list[str]:
    template = stacks["network"]["Resources"]
    subnets = {name: one["Properties"] for name, one in template.items() if one["Type"] == "AWS::EC2::Subnet"}
    zones = {name: one["AvailabilityZone"]["Fn::Select"][0] for name, one in subnets.items()}
    table = {
        one["SubnetId"]["Ref"]: one["RouteTableId"]["Ref"]
        for _, one in resources(stacks, "AWS::EC2::SubnetRouteTableAssociation")
    }
    ways = {one["RouteTableId"]["Ref"]: one for _, one in resources(stacks, "AWS::EC2::Route")}
    found = [f"subnet {name} has no routes" for name in subnets if name not in table]
    for name in sorted(table):
        way = ways.get(table[name], {})
        if name.startswith("Data") and way:
            found.append(f"{name} has a way out")
        if name.startswith("Private"):
            nat = way.get("NatGatewayId", {}).get("Ref")
            place = template[nat]["Properties"]["SubnetId"]["Ref"] if nat else None
            if place is None or zones[place] != zones[name]:
                found.append(f"{name} goes out through another zone")
    for kind in ("Public", "Private", "Data"):
        if {zones[name] for name in subnets if name.startswith(kind)} != {0, 1}:
            found.append(f"{kind} subnets are not in two zones")
    endpoints = {
        one["ServiceName"]["Fn::Sub"].split(".")[-1] for _, one in resources(stacks, "AWS::EC2::VPCEndpoint")
    }
    found += [f"no gateway endpoint for {name}" for name in sorted({"dynamodb", "s3"} - endpoints)]
    return found if list(resources(stacks, "AWS::EC2::FlowLog")) else [*found, "no flow log"]
