"""The Model Context Protocol: the API's operations as the tools of an agent."""

from handlers.mcp.endpoint import McpEndpoint

__all__ = ["McpEndpoint"]
