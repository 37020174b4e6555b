"""An MCP server (`serve PORT`), and a client of it (`PORT MODE`)."""

import asyncio
import sys

PATIENT = {"id": 1, "name": "Ada Example", "ssn": "123-45-6789", "note": "SSN 219-09-9999 seen"}


def serve(port):
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("clinic")

    @server.tool()
    def patient(id: int) -> dict:
        """A patient's record."""
        return PATIENT | {"id": id}

    @server.tool()
    def shell(command: str) -> str:
        """Runs a command."""
        return f"ran {command}"

    @server.resource("clinic://notes")
    def notes() -> str:
        return "SSN 219-09-9999 seen, ada@example.org"

    server.run("streamable-http", host="127.0.0.1", port=port)


def main():
    import steps
    from mcp.client import Client
    from steps import step

    def ask(work):
        async def all_of_it():
            async with Client(f"http://127.0.0.1:{steps.PORT}/mcp", mode=sys.argv[2]) as client:
                return await work(client)

        try:
            return asyncio.run(asyncio.wait_for(all_of_it(), 60))
        except BaseExceptionGroup as group:
            # Tasks wrap what one of them has to say.
            error = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None

    def texts(result):
        return [part.text for part in result.content]

    @step
    def tools():
        async def work(client):
            return sorted(tool.name for tool in (await client.list_tools()).tools)

        return ask(work)

    @step
    def patient():
        async def work(client):
            result = await client.call_tool("patient", {"id": 1})
            return [result.is_error, texts(result), result.structured_content]

        return ask(work)

    @step
    def resource():
        async def work(client):
            return [part.text for part in (await client.read_resource("clinic://notes")).contents]

        return ask(work)

    @step
    def shell_refused():
        async def work(client):
            return texts(await client.call_tool("shell", {"command": "id"}))

        return ask(work)

    @step
    def after_refusal():
        async def work(client):
            try:
                await client.call_tool("shell", {"command": "id"})
            except Exception:  # noqa: BLE001: what follows it is the point
                pass
            return texts(await client.call_tool("patient", {"id": 2}))

        return ask(work)

    steps.run()


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    main()
