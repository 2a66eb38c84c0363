"""The hosts, database, files and load balancer on AWS: CloudFormation templates and their use."""
