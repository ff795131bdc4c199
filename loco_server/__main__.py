from loco_server.main import main

main()
