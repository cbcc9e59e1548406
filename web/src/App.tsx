import { ActionIcon, Anchor, Button, Container, Group, MantineProvider, Menu, Text, Tooltip, createTheme, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconKey, IconMoon, IconSun } from "@tabler/icons-react";
import { Provider, useQuery } from "urql";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";

import { client } from "./client";
import { ViewerDocument } from "./generated";
import { useSession } from "./hooks";
import { ApiKeysPage } from "./pages/ApiKeysPage";
import { EventsPage } from "./pages/EventsPage";
import { NewApiKeyPage } from "./pages/NewApiKeyPage";
import { SignInPage } from "./pages/SignInPage";
import { signOut, type Session } from "./session";

// What opens over the page belongs to a landmark of it, for who goes from one to the next.
const inMain = { defaultProps: { portalProps: { target: "main" } } };

const theme = createTheme({
  primaryShade: 8,
  cursorType: "pointer",
  respectReducedMotion: true,
  components: { Menu: Menu.extend(inMain), Tooltip: Tooltip.extend(inMain) },
});

export function App() {
  const session = useSession();
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Provider value={client}>
        <Header session={session} />
        <Container component="main" size="md" py="lg">
          {session.kind === "open" ? <Routes /> : <SignInPage session={session} />}
        </Container>
      </Provider>
    </MantineProvider>
  );
}

function Routes() {
  return (
    <Switch>
      <Route path="/" component={ApiKeysPage} />
      <Route path="/new" component={NewApiKeyPage} />
      <Route path="/events" component={EventsPage} />
      <Route>
        <Redirect to="/" replace />
      </Route>
    </Switch>
  );
}

function Header({ session }: { session: Session }) {
  const isOpen = session.kind === "open";
  const [{ data: answer, error }] = useQuery({ query: ViewerDocument, requestPolicy: "cache-and-network", pause: !isOpen });
  const data = isOpen && !error ? answer : undefined;
  const [location] = useLocation();
  return (
    <Container component="header" size="md" py="sm">
      <Group justify="space-between" wrap="nowrap">
        <Group gap="md" wrap="nowrap">
          <Link href="/" style={{ color: "inherit", textDecoration: "none" }}>
            <Group gap="xs" wrap="nowrap">
              <IconKey size={20} aria-hidden />
              <Text fw={600}>apikeys</Text>
            </Group>
          </Link>
          {isOpen && (
            <Anchor component={Link} href="/events" size="sm" c="dimmed" aria-current={location === "/events" ? "page" : undefined}>
              Activity
            </Anchor>
          )}
        </Group>
        <Group gap="xs" wrap="nowrap" miw={0} justify="flex-end">
          {data && (
            <Text size="sm" c="dimmed" truncate maw={180} title={`Keys of ${data.viewer.owner}`}>
              {data.viewer.owner}
            </Text>
          )}
          <ColorSchemeButton />
          {isOpen && session.mode === "local" && data && (
            <form method="post" action="/sign-out">
              <Button type="submit" variant="default" size="xs">
                Sign out
              </Button>
            </form>
          )}
          {/* Also where the server does not take what the provider gave: the way out is to be somebody else. */}
          {isOpen && session.mode === "oidc" && (
            <Button variant="default" size="xs" onClick={() => void signOut()}>
              Sign out
            </Button>
          )}
        </Group>
      </Group>
    </Container>
  );
}

function ColorSchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const current = useComputedColorScheme("light");
  const other = current === "light" ? "dark" : "light";
  return (
    <Tooltip label={`Use the ${other} colours`}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Use the ${other} colours`} onClick={() => setColorScheme(other)}>
        {current === "light" ? <IconMoon size={18} aria-hidden /> : <IconSun size={18} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
