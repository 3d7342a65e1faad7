"""params.yaml as validated objects; arms and the paths of their files."""
