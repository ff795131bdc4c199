"""The control plane: identity, policy, deployments, events. Heavy work is done by engines that already exist."""
